import { defineCommand } from "./command.ts";
import { findRoot, formatOption, readRepo, repoOption, rootOptions } from "./options.ts";

export const statusCommand = defineCommand({
  name: "status",
  describe: "compare the images of the definitions with what the registry holds",
  options: {
    format: formatOption,
    check: { type: "boolean", default: false, describe: "exit 1 unless everything is as it should be" },
    repo: repoOption,
    ...rootOptions,
  },
  examples: [
    ["status", "what is published, and how far it is behind"],
    ["status --check --format json", "for a job that watches it"],
  ],
  run: (given) => async (surroundings) => {
    const { status } = await import("../commands/status.ts");
    const { format, check } = given;
    return status({ root: findRoot(given.root), repo: readRepo(given.repo), format, check }, surroundings);
  },
});
