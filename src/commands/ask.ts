import { multiselect, select, text } from "@clack/prompts";

/** Questions to the person at the terminal. */
export interface Ask {
  /**
   * A line of text; `problem` says what is wrong with it, if anything. The usual answer, or an example, is shown in grey until
   * something is typed; return alone gives the usual one.
   */
  readonly text: (
    message: string,
    shown: { readonly usual?: string; readonly example?: string },
    problem: (answer: string) => string | undefined,
  ) => Promise<string>;
  /** One of the answers, each with what it is good for. */
  readonly choice: (
    message: string,
    answers: readonly (readonly [answer: string, why?: string])[],
  ) => Promise<string>;
  /** Some of the answers, or none, in the order that they are listed. */
  readonly choices: (message: string, answers: readonly string[]) => Promise<readonly string[]>;
}

/** Opens questions at the terminal, on standard error. One that is left with Ctrl-C or Escape throws an `AbortError`. */
export function openAsk(signal: AbortSignal): Ask {
  const common = { output: process.stderr, signal };
  return {
    text: async (message, { usual = "", example }, problem) => {
      const validate = (typed: string | undefined) => problem(typed || usual);
      const placeholder = example === undefined ? usual : `e.g. ${example}`;
      const answer = await text({ ...common, defaultValue: usual, placeholder, message, validate });
      if (typeof answer === "symbol") throw leave();
      return answer;
    },
    choice: async (message, answers) => {
      const options = answers.map(([value, hint]) => (hint === undefined ? { value } : { value, hint }));
      const answer = await select({ ...common, message, options });
      if (typeof answer === "symbol") throw leave();
      return answer;
    },
    choices: async (message, answers) => {
      const options = answers.map((value) => ({ value }));
      const answer = await multiselect({ ...common, message, options, required: false });
      if (typeof answer === "symbol") throw leave();
      return answer;
    },
  };
}

function leave(): DOMException {
  return new DOMException("left without an answer", "AbortError");
}
