import { defineCommand } from "./command.ts";
import { Refusal } from "../problem.ts";
import { findRoot, readRepo, repoOption, rootOptions } from "./options.ts";

export const newCommand = defineCommand({
  name: "new",
  operands: "<kind> [name]",
  describe: "write a new layer, or the files of a CI system, into the checkout",
  positionals: {
    kind: { choices: ["science", "compat", "version", "ci"], demandOption: true, describe: "what to write" },
    name: {
      type: "string",
      describe: "of the new layer; version: IMAGE[:VERSION]; ci: github, jenkins or gitlab",
      after: {
        science: {},
        compat: {},
        ci: { choices: ["github", "jenkins", "gitlab"] },
      },
    },
  },
  options: {
    image: {
      type: "string",
      requiresArg: true,
      describe: "science: IMAGE[:VERSION] that it is a layer of [NAME:1.0]",
    },
    from: {
      type: "string",
      requiresArg: true,
      describe: "science: image that it is built on [debian:bookworm-slim]",
    },
    compat: {
      type: "string",
      requiresArg: true,
      describe: "science: the compat layer that makes releases of it",
      value: "COMPAT",
    },
    includes: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "compat: compat layers that it includes, in order",
      value: "COMPAT",
    },
    to: { type: "string", requiresArg: true, describe: "version: the version of the new layer [the same]" },
    target: { type: "string", requiresArg: true, describe: "version: name of the new layer" },
    force: { type: "boolean", default: false, describe: "ci: overwrite files" },
    tool: {
      type: "string",
      requiresArg: true,
      describe: "ci: where jobs get this tool from, URL#VERSION [as this one]",
    },
    repo: repoOption,
    ...rootOptions,
  },
  examples: [
    ["new science solar --compat jupyter", "science/solar, on debian:bookworm-slim"],
    ["new version sciserver-essentials", "a layer that adds to it without changing the version"],
    ["new version sciserver-essentials --to 2.6", "a layer that adds to it as its version 2.6"],
    ["new ci github --repo ghcr.io/OWNER/images", "workflows for pull requests, pushes and releases"],
  ],
  run: (given) => async (surroundings) => {
    const { kind, name, tool, force, image, from, compat, includes, to, target } = given;
    for (const [option, value] of Object.entries({ image, from, compat, includes, to, target }))
      if (value !== undefined && takes[kind]?.includes(option) !== true) throw misplaced(kind, option);
    if (kind === "ci") {
      const { newCi } = await import("../commands/new-ci.ts");
      const root = findRoot(given.root);
      return newCi({ root, repo: readRepo(given.repo), system: name, tool, force }, surroundings);
    }
    const { newLayer } = await import("../commands/new-layer.ts");
    const root = findRoot(given.root);
    switch (kind) {
      case "science":
        return newLayer({ kind, root, name, image, from, compat }, surroundings);
      case "compat":
        return newLayer({ kind, root, name, includes }, surroundings);
      case "version":
        return newLayer({ kind, root, name, to, target }, surroundings);
    }
  },
});

/** The options that only make sense for one kind of layer. */
const takes: Readonly<Record<string, readonly string[]>> = {
  science: ["image", "from", "compat"],
  compat: ["includes"],
  version: ["to", "target"],
  ci: [],
};

function misplaced(kind: string, option: string): Refusal {
  const proper = Object.keys(takes).find((other) => takes[other]?.includes(option));
  return new Refusal({
    kind: "usage",
    message: `--${option} is not for new ${kind}`,
    hint: `it belongs to new ${String(proper)}`,
  });
}
