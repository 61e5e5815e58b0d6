import { defineCommand } from "./command.ts";
import { readRepo, repoOption, rootAround, rootOptions } from "./options.ts";

export const rollbackCommand = defineCommand({
  name: "rollback",
  operands: "<image>",
  describe: "take a tag back to an earlier build, in the registry",
  positionals: {
    image: {
      type: "string",
      demandOption: true,
      describe: "IMAGE[:VERSION] or sci/TARGET[:VERSION]",
    },
  },
  options: {
    to: {
      type: "string",
      requiresArg: true,
      describe: "the stamp of a build [the one before the present one]",
      value: "STAMP",
    },
    dryrun: { type: "boolean", default: false, describe: "show where it would go, and write nothing" },
    repo: repoOption,
    verbose: rootOptions.verbose,
  },
  examples: [
    ["rollback sciserver-essentials:2.4", "to the build before the present one"],
    ["rollback sciserver-essentials:2.4 --to 42-f90dbd6", "to that build"],
  ],
  run: (given) => async (surroundings) => {
    const { rollback } = await import("../commands/rollback.ts");
    const { image, to, dryrun } = given;
    return rollback({ root: rootAround(), repo: readRepo(given.repo), image, to, dryrun }, surroundings);
  },
});
