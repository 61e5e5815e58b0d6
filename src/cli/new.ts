import { defineCommand } from "./command.ts";
import { findRoot, readRepo, repoOption, rootOptions } from "./options.ts";

export const newCommand = defineCommand({
  name: "new",
  operands: "<kind> [name]",
  describe: "write the files of a CI system into the checkout",
  positionals: {
    kind: { choices: ["ci"], demandOption: true, describe: "what is made" },
    name: { type: "string", describe: "ci: github, jenkins or gitlab" },
  },
  options: {
    force: { type: "boolean", default: false, describe: "overwrite files that are there" },
    tool: {
      type: "string",
      requiresArg: true,
      describe: "ci: where jobs get this tool from, URL#VERSION [as this one]",
    },
    repo: repoOption,
    ...rootOptions,
  },
  examples: [
    ["new ci github --repo ghcr.io/OWNER/images", "workflows for pull requests, pushes and releases"],
  ],
  run: (given) => async (surroundings) => {
    const { name, tool, force } = given;
    const root = findRoot(given.root);
    switch (given.kind) {
      case "ci": {
        const { newCi } = await import("../commands/new-ci.ts");
        return newCi({ root, repo: readRepo(given.repo), system: name, tool, force }, surroundings);
      }
    }
  },
});
