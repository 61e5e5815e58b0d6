import { defineCommand } from "./command.ts";
import { formatOption, planConflicts, planOptions, planSettings } from "./options.ts";

export const whyCommand = defineCommand({
  name: "why",
  operands: "<image>",
  describe: "show why a plan builds an image, or why it does not",
  positionals: {
    image: {
      type: "string",
      demandOption: true,
      describe: "IMAGE[:VERSION], sci/TARGET[:VERSION] or an id of the plan",
    },
  },
  options: { format: formatOption, ...planOptions },
  conflicts: planConflicts,
  examples: [
    ["why sciserver-essentials:2.4", "the commits and files that lead to its build"],
    ["why sci/essentials --ref v1..v2", "a layer's own product, between two tags"],
  ],
  run: (given) => async (surroundings) => {
    const { why } = await import("../commands/why.ts");
    return why({ ...planSettings(given), image: given.image, format: given.format }, surroundings);
  },
});
