/** GitLab CI: `gitlab-ci-local` checks the file against GitLab's schema, resolves it and evaluates the rules. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { loginVariables } from "./forge.ts";
import type { CiSystem, Happening, JobPlace, Script } from "./forge.ts";

const require = createRequire(import.meta.url);

/** A job in which `extends`, anchors and defaults are resolved. */
interface ResolvedJob {
  readonly variables?: Readonly<Record<string, string>>;
  readonly before_script?: readonly string[];
  readonly script: readonly string[];
  readonly after_script?: readonly string[];
}

type Resolved = Readonly<Record<string, unknown>> & { readonly variables: Readonly<Record<string, string>> };

export const gitlab: CiSystem = {
  name: "gitlab",
  file: ".gitlab-ci.yml",
  merges: false,
  jobs: async (happening, place) => {
    const told = predefined(happening, place);
    // The preview does not depend on what happened, and the list not on where the checkout is.
    const { CI_PROJECT_DIR: __, ...event } = told;
    const resolved = parse(await askOnce(place.workspace, {}, "--preview")) as Resolved;
    const listed = JSON.parse(await askOnce(place.workspace, event, "--list-json")) as {
      name: string;
      when: string;
    }[];
    return listed
      .filter(({ when }) => when !== "never")
      .map(({ name }) => {
        const job = resolved[name] as ResolvedJob;
        const variables = { ...resolved.variables, ...job.variables };
        const environment: NodeJS.ProcessEnv = { ...told, ...loginVariables(happening, place) };
        for (const [key, value] of Object.entries(variables))
          environment[key] = value.replaceAll(/\$(\w+)/g, (_, variable: string) => told[variable] ?? "");
        const asScript = (lines: readonly string[]): Script => ({
          shell: ["bash", "-eo", "pipefail", "-c"],
          text: lines.flat().join("\n"),
          environment,
        });
        return {
          name,
          wholeHistory: variables["GIT_DEPTH"] === "0",
          scripts: [asScript(job.before_script ?? []), asScript(job.script)],
          afterwards: job.after_script === undefined ? [] : [asScript(job.after_script)],
        };
      });
  },
};

/** By what was asked, of which text: asking takes seconds. */
const answers = new Map<string, string>();

async function askOnce(workspace: string, told: NodeJS.ProcessEnv, question: string): Promise<string> {
  const text = fs.readFileSync(path.join(workspace, gitlab.file), "utf8");
  // Half of the time goes into the schema, which a text that was resolved once fits.
  const fits = answers.has(JSON.stringify([text, {}, "--preview"]));
  const key = JSON.stringify([text, told, question]);
  const more = fits ? ["--json-schema-validation=false"] : [];
  const answer = answers.get(key) ?? (await askGitlab(workspace, told, question, ...more));
  answers.set(key, answer);
  return answer;
}

/** What `gitlab-ci-local` says of the file in a checkout; fails where the file does not fit GitLab's schema. */
export async function askGitlab(
  workspace: string,
  variables: NodeJS.ProcessEnv,
  ...question: string[]
): Promise<string> {
  const program = require.resolve("gitlab-ci-local");
  const given = Object.entries(variables).flatMap(([name, value]) => [
    "--variable",
    `${name}=${value ?? ""}`,
  ]);
  const unset = ["CI_COMMIT_BRANCH", "CI_COMMIT_TAG"].flatMap((name) =>
    name in variables ? [] : ["--unset-variable", name],
  );
  const quiet = ["--ignore-predefined-vars", Object.keys(variables).join(",")];
  const parameters = [program, ...question, ...given, ...unset, ...quiet];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, parameters, {
      cwd: workspace,
      env: { PATH: process.env["PATH"], HOME: workspace },
      timeout: 60_000,
    });
    return stdout;
  } finally {
    fs.rmSync(path.join(workspace, ".gitlab-ci-local"), { recursive: true, force: true });
  }
}

/** https://docs.gitlab.com/ci/variables/predefined_variables/ */
function predefined(happening: Happening, { workspace, base }: JobPlace): NodeJS.ProcessEnv {
  const common = { CI: "true", GITLAB_CI: "true", CI_DEFAULT_BRANCH: "main", CI_PROJECT_DIR: workspace };
  switch (happening.kind) {
    case "pull request":
      return {
        ...common,
        CI_PIPELINE_SOURCE: "merge_request_event",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
        CI_MERGE_REQUEST_DIFF_BASE_SHA: base,
      };
    case "push":
      return { ...common, CI_PIPELINE_SOURCE: "push", CI_COMMIT_BRANCH: happening.branch };
    case "release":
      return { ...common, CI_PIPELINE_SOURCE: "push", CI_COMMIT_TAG: happening.tag };
  }
}
