/** Images as the original tool published them: with the labels of its trail and no others. */
import { execFileSync } from "node:child_process";
import { git } from "./checkout.ts";
import type { Workplace } from "./released.ts";

/** A layer or release of the commit that is checked out, as the original tool made it. */
export interface OriginalBuild {
  readonly kind: "sci" | "rel";
  /** The target of a science layer, the image of a release. */
  readonly name: string;
  readonly version: string;
  /** The name of what it is built on: a foreign image, or `sci/nist-basic:1.0` of the same repository. */
  readonly on: string;
}

/** Builds and pushes images in this order, under their immutable and rolling tags; gives their stamp, with git's own abbreviation. */
export function publishAsOriginal(
  { repo, dockerHost }: Workplace,
  root: string,
  builds: readonly OriginalBuild[],
): string {
  const stamp = `${git(root, "rev-list", "--count", "HEAD")}-${git(root, "rev-parse", "--short", "HEAD")}`;
  const docker = (args: readonly string[], input = "") =>
    execFileSync("docker", args, {
      env: { ...process.env, DOCKER_HOST: dockerHost, DOCKER_BUILDKIT: "0" },
      input,
      stdio: ["pipe", "ignore", "pipe"],
    });
  for (const [index, { kind, name, version, on }] of builds.entries()) {
    const label = kind === "sci" ? `org.sciserver.science.${name}` : "org.sciserver.compat";
    const rolling = `${repo}/${kind}/${name}:${version}`;
    const labels = [
      `${label}.version=${kind === "sci" ? "" : `${name}:`}${version}-${stamp}`,
      `${label}.buildtime=${1_639_077_081.9336998 + index}`,
    ];
    const tags = [rolling, `${rolling}-${stamp}`];
    const from = on.startsWith("sci/") ? `${repo}/${on}` : on;
    const options = [
      ...tags.flatMap((tag) => ["--tag", tag]),
      ...labels.flatMap((text) => ["--label", text]),
    ];
    docker(["build", ...options, "-"], `FROM ${from}\nRUN echo ${name}-${version} > /${kind}-${name}\n`);
    for (const tag of tags) docker(["push", tag]);
  }
  return stamp;
}
