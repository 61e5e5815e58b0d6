import { defineCommand } from "./command.ts";
import {
  imageOperands,
  planConflicts,
  planFormOptions,
  planOptions,
  planSettings,
  readPlanForm,
} from "./options.ts";

export const planCommand = defineCommand({
  name: "plan",
  describe: "print the plan, or the Dockerfile of a release",
  operands: "[images..]",
  positionals: imageOperands,
  options: {
    ...planFormOptions,
    push: {
      type: "boolean",
      default: false,
      describe: "ask the registry what publishing would do to each tag",
    },
    "show-dockerfile": {
      type: "string",
      requiresArg: true,
      describe: "print the Dockerfile of IMAGE[:VERSION]",
      value: "IMAGE",
    },
    ...planOptions,
  },
  conflicts: planConflicts,
  examples: [
    ["plan --ref v1..v2 --format json", "what changed between two tags, as data"],
    ["plan --ref origin/main...HEAD --format markdown", "the comment on a pull request"],
    ["plan sciserver-essentials --all", "what builds one image"],
    ["plan --all --output plan.html", "a page with every layer that would be built"],
    ["plan --push", "which tags would be new, move or stay"],
    ["plan --show-dockerfile sciserver-astronomy", "a release's Dockerfile, composed"],
  ],
  run: (given) => async (surroundings) => {
    const { plan } = await import("../commands/plan.ts");
    return plan(
      {
        ...planSettings(given),
        // A Dockerfile has one form, whatever its file is called.
        ...readPlanForm(given.showDockerfile === undefined ? given : { ...given, format: "text" }),
        push: given.push,
        showDockerfile: given.showDockerfile,
      },
      surroundings,
    );
  },
});
