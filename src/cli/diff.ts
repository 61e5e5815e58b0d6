import { defineCommand } from "./command.ts";
import { findRoot, formatOption, readRepo, repoOption, rootAround, rootOptions } from "./options.ts";

export const diffCommand = defineCommand({
  name: "diff",
  operands: "<from> <to>",
  describe: "show in what layers, commits and files two builds of an image differ",
  positionals: {
    from: {
      type: "string",
      demandOption: true,
      describe: "IMAGE:VERSION-STAMP, sci/TARGET:VERSION-STAMP, a reference in full",
    },
    to: { type: "string", demandOption: true, describe: "the same; of one of the two, STAMP is enough" },
  },
  options: {
    local: { type: "boolean", default: false, describe: "ask the engine for them, not the registry" },
    format: formatOption,
    repo: repoOption,
    ...rootOptions,
  },
  examples: [
    ["diff 42-f90dbd6 sciserver-essentials:2.4", "what the newest build has that an earlier one had not"],
    ["diff sciserver-essentials:2.4-42-f90dbd6 57-0a1b2c3", "two stamps of what history lists"],
  ],
  run: (given) => async (surroundings) => {
    const { diff } = await import("../commands/diff.ts");
    const { from, to, local, format } = given;
    const root = given.root === undefined ? rootAround() : findRoot(given.root);
    return diff({ root, repo: readRepo(given.repo), from, to, local, format }, surroundings);
  },
});
