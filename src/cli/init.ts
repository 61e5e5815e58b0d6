import path from "node:path";
import { Refusal } from "../problem.ts";
import { defineCommand } from "./command.ts";
import { rootAround, rootOptions } from "./options.ts";

export const initCommand = defineCommand({
  name: "init",
  operands: "[directory]",
  describe: "begin a checkout: settings, two first layers, git",
  positionals: {
    directory: { type: "string", describe: "the DIR to begin in, made if missing [here]" },
  },
  options: {
    repo: {
      type: "string",
      requiresArg: true,
      describe: "registry and path that images get [asked]",
      value: "NAME",
    },
    "publish-from": {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "branches that publish there [main]",
      value: "BRANCH",
    },
    "label-namespace": {
      type: "string",
      requiresArg: true,
      describe: "a domain of yours, reversed [org.sciserver]",
      value: "NAME",
    },
    compat: {
      type: "string",
      requiresArg: true,
      describe: "name of the first compat layer [common]",
      value: "NAME",
    },
    science: {
      type: "string",
      requiresArg: true,
      describe: "name of the first science layer [tools]",
      value: "NAME",
    },
    ci: {
      choices: ["github", "jenkins", "gitlab"],
      describe: "write the files of a CI system too",
    },
    tool: {
      type: "string",
      requiresArg: true,
      describe: "ci: where jobs get this tool from, URL#VERSION [as this one]",
    },
    verbose: rootOptions.verbose,
  },
  examples: [
    ["init images", "ask, and begin in the directory images"],
    ["init --repo ghcr.io/OWNER/images --ci github", "here, with workflows that publish"],
  ],
  run:
    (given, { origins }) =>
    async (surroundings) => {
      const { publishFrom, labelNamespace, compat, science, ci, tool } = given;
      const root = path.resolve(given.directory ?? ".");
      const around = rootAround(root);
      if (around !== undefined && around !== root)
        throw new Refusal({
          kind: "usage",
          message: `${root} is inside ${around}, which has science/ or compat/ in it`,
          hint: `run it in ${around}, or git init ${root} first`,
        });
      const { init } = await import("../commands/init.ts");
      // Not from the image-builder.json5 of wherever the call is made.
      const repo = origins.get("repo")?.kind === "option" ? given.repo : undefined;
      return init({ root, repo, publishFrom, labelNamespace, compat, science, ci, tool }, surroundings);
    },
});
