import { readCatalog } from "../definitions/catalog.ts";
import { findLayers } from "../definitions/layer-files.ts";
import { defineCommand } from "./command.ts";
import type { Command, Run } from "./command.ts";
import type { Names } from "./complete.ts";
import { rootAround } from "./options.ts";
import { variableOf } from "./settings.ts";

export const completionCommand = defineCommand({
  name: "completion",
  operands: "<shell>",
  describe: "print a shell completion script",
  positionals: {
    shell: { choices: ["bash", "zsh", "fish"], demandOption: true, describe: "the shell" },
  },
  options: {},
  examples: [
    ["completion bash > ~/.local/share/bash-completion/completions/image-builder", "bash"],
    ["completion zsh > ~/.zfunc/_image-builder", "zsh, with ~/.zfunc in fpath before compinit"],
    ["completion fish > ~/.config/fish/completions/image-builder.fish", "fish"],
  ],
  run:
    ({ shell }) =>
    async ({ out }) => {
      const { readTemplate } = await import("../templates.ts");
      out(readTemplate(`completion/image-builder.${shell}`));
      return 0;
    },
});

/** The word by which the scripts ask what there is; those of the command line follow, the last one being typed. */
export const completeWord = "__complete";

/** Answers a script: a line that says of which kind the answer is, and for words one each, with what it is behind a tab. */
export function answerCompletion(words: readonly string[], commands: readonly Command[]): Run {
  return async ({ out, environment }) => {
    const { complete } = await import("./complete.ts");
    const answer = complete(words, commands, namesIn(environment));
    const lines = answer.kind === "words" ? answer.words.map((pair) => pair.join("\t")) : [];
    out(`${[answer.kind, ...lines].join("\n")}\n`);
    return 0;
  };
}

/** The names of the checkout around; wherever there is none, or one with mistakes, there are no names. */
export function namesIn(environment: NodeJS.ProcessEnv): Names {
  const rootOf = (given: string | undefined) => given ?? environment[variableOf("root")] ?? rootAround();
  const catalogOf = (given: string | undefined) => {
    const root = rootOf(given);
    return root === undefined ? undefined : readCatalog(root).catalog;
  };
  return {
    layers: (given) => {
      const root = rootOf(given);
      if (root === undefined) return [];
      const tops = ["science", "compat"] as const;
      return tops.flatMap((top) => findLayers(root, top).layers.map(({ directory }) => directory));
    },
    releases: (given) => {
      const catalog = catalogOf(given);
      const finals = [...(catalog?.finals ?? [])].flatMap((each) => catalog?.science.get(each) ?? []);
      return finals.map(({ image, version }) => `${image}:${version}`);
    },
    products: (given) =>
      [...(catalogOf(given)?.science.values() ?? [])].map(
        ({ target, version }) => `sci/${target}:${version}`,
      ),
  };
}
