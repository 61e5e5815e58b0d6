import { defineCommand } from "./command.ts";
import { findRoot, readRepo, repoOption, rootOptions } from "./options.ts";

export const checkCommand = defineCommand({
  name: "check",
  describe: "read every definition, without git history or an engine",
  options: {
    format: {
      choices: ["text", "json", "sarif"],
      default: "text",
      describe: "output format",
    },
    repo: repoOption,
    ...rootOptions,
  },
  readsMistakes: true,
  examples: [
    ["check", "what is wrong with the definitions, all of it"],
    ["check --format sarif > check.sarif", "for a code host to show at the lines"],
  ],
  run: (given) => async (surroundings) => {
    const { check } = await import("../commands/check.ts");
    return check(
      { root: findRoot(given.root), repo: readRepo(given.repo), format: given.format },
      surroundings,
    );
  },
});
