import { defineCommand } from "./command.ts";
import { findRoot, formatOption, readRepo, repoOption, rootAround, rootOptions } from "./options.ts";

export const historyCommand = defineCommand({
  name: "history",
  operands: "<image>",
  describe: "list every published build of an image and version",
  positionals: {
    image: {
      type: "string",
      demandOption: true,
      describe: "IMAGE[:VERSION] or sci/TARGET[:VERSION]",
    },
  },
  options: { format: formatOption, repo: repoOption, ...rootOptions },
  examples: [["history sciserver-essentials:2.4", "what can be rolled back to"]],
  run: (given) => async (surroundings) => {
    const { history } = await import("../commands/history.ts");
    const { image, format } = given;
    const root = given.root === undefined ? rootAround() : findRoot(given.root);
    return history({ root, repo: readRepo(given.repo), image, format }, surroundings);
  },
});
