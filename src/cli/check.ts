import { defineCommand } from "./command.ts";
import { findRoot, rootOptions } from "./options.ts";

export const checkCommand = defineCommand({
  name: "check",
  describe: "read every definition, without git history or an engine",
  options: rootOptions,
  examples: [["check", "what is wrong with the definitions, all of it"]],
  run: (given) => async (surroundings) => {
    const { check } = await import("../commands/check.ts");
    return check({ root: findRoot(given.root) }, surroundings);
  },
});
