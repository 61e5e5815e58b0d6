import { defineCommand } from "./command.ts";
import { findRoot, formatOption, imageOperands, readRepo, repoOption, rootOptions } from "./options.ts";

export const statusCommand = defineCommand({
  name: "status",
  describe: "compare the images of the definitions with what the registry holds",
  operands: "[images..]",
  positionals: imageOperands,
  options: {
    format: formatOption,
    check: { type: "boolean", default: false, describe: "exit 1 unless everything is as it should be" },
    repo: repoOption,
    ...rootOptions,
  },
  examples: [
    ["status", "what is published, and how far it is behind"],
    ["status sciserver-essentials", "the same of one image and what it stands on"],
    ["status --check --format json", "for a job that watches it"],
  ],
  run: (given) => async (surroundings) => {
    const { status } = await import("../commands/status.ts");
    const { format, check, images } = given;
    const settings = { root: findRoot(given.root), repo: readRepo(given.repo), images, format, check };
    return status(settings, surroundings);
  },
});
