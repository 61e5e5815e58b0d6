import { readArguments } from "../../src/cli/arguments.ts";
import { exitCodeOf, Refusal } from "../../src/problem.ts";
import { tellProblems } from "../../src/report/log.ts";
import type { ToolResult } from "./checkout.ts";

/**
 * Runs the tool to its end in this process, without the cost of starting one: for tests that run it a hundred times. What only a
 * process has (signals, streams, the bundle) is for `runTool`. Aborting the signal cancels the run as SIGINT does.
 */
export async function runInProcess(
  root: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal = new AbortController().signal,
): Promise<ToolResult> {
  let stdout = "";
  let stderr = "";
  const progress = (text: string) => void (stderr += text);
  const level = (name: string) => (message: string) => progress(`${name}:root:${message}\n`);
  const log = {
    error: level("ERROR"),
    warning: () => undefined,
    info: () => undefined,
    debug: () => undefined,
    progress,
    keepBelow: () => undefined,
    settle: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };
  // A rollback looks at the registry alone.
  const place = args[0] === "rollback" ? [] : ["--root", root];
  const invocation = readArguments([...args, ...place]);
  if (invocation === undefined) throw new Error(`${args.join(" ")} runs no command`);
  const surroundings = {
    log,
    verbosity: 0,
    out: (text: string) => void (stdout += text),
    progress,
    atRest: () => undefined,
    environment: { ...process.env, ...environment },
    signal,
  };
  const code = await invocation.run(surroundings).catch((error: unknown) => {
    if (signal.aborted) return null;
    if (!(error instanceof Refusal)) throw error;
    tellProblems(error.problems, log);
    return exitCodeOf(error.problems);
  });
  return { code, signal: null, stdout, stderr };
}
