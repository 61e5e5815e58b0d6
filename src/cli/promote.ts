import { defineCommand } from "./command.ts";
import { findRoot, formatOption, readRepo, repoOption, rootOptions } from "./options.ts";

export const promoteCommand = defineCommand({
  name: "promote",
  operands: "[images..]",
  describe: "tag releases with further names, in the registry",
  positionals: {
    images: {
      type: "string",
      array: true,
      default: [],
      describe: "IMAGE or IMAGE:VERSION [every release]",
    },
  },
  options: {
    from: {
      type: "string",
      requiresArg: true,
      describe: "the tag to promote [the rolling tags]",
      value: "NAME",
    },
    to: {
      // No array: that would take the images after it for names as well.
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: "the tag to give; several times for several",
      value: "NAME",
    },
    dryrun: { type: "boolean", default: false, describe: "show what would move, and write nothing" },
    format: formatOption,
    repo: repoOption,
    ...rootOptions,
  },
  repeated: ["to"],
  examples: [
    ["promote --from main --to v0.1.1 --to stable", "release what the branch main has"],
    ["promote sciserver-essentials:2.4 --to stable --dryrun", "what would move"],
  ],
  run: (given) => async (surroundings) => {
    const { promote } = await import("../commands/promote.ts");
    const { images, from, dryrun, format } = given;
    const named = { root: findRoot(given.root), repo: readRepo(given.repo), images };
    // Given several times it is a list, whatever its type says.
    return promote({ ...named, from, to: [given.to].flat(), dryrun, format }, surroundings);
  },
});
