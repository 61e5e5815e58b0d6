import { defineCommand } from "./command.ts";
import { findRoot, formatOption, readRepo, repoOption, rootAround, rootOptions } from "./options.ts";

export const inspectCommand = defineCommand({
  name: "inspect",
  operands: "<image>",
  describe: "show what an image is made of, and what has changed since",
  positionals: {
    image: {
      type: "string",
      demandOption: true,
      describe: "IMAGE[:VERSION], sci/TARGET[:VERSION] or a reference in full",
    },
  },
  options: {
    local: { type: "boolean", default: false, describe: "ask the engine for it, not the registry" },
    format: formatOption,
    repo: repoOption,
    ...rootOptions,
  },
  examples: [
    ["inspect sciserver-essentials:2.4", "the published release"],
    ["inspect sciserver-essentials:2.4 --local", "the engine's image"],
  ],
  run: (given) => async (surroundings) => {
    const { inspect } = await import("../commands/inspect.ts");
    const { image, local, format } = given;
    const root = given.root === undefined ? rootAround() : findRoot(given.root);
    return inspect({ root, repo: readRepo(given.repo), image, local, format }, surroundings);
  },
});
