import { spawn } from "node:child_process";
import { tool } from "./checkout.ts";

/** Runs the tool at a terminal and answers each question; gives the exit code, null where a question did not come. */
export function answer(
  root: string,
  args: readonly string[],
  answers: readonly (readonly [question: string, keys: string])[],
) {
  const child = spawn(
    "script",
    ["-qefc", `stty cols 80 rows 24; exec '${process.execPath}' '${tool}' ${args.join(" ")}`, "/dev/null"],
    {
      cwd: root,
    },
  );
  const guard = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const waiting = [...answers];
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    const [question, keys] = waiting[0] ?? [];
    if (question === undefined || keys === undefined || !shown.includes(question)) return;
    shown = "";
    waiting.shift();
    child.stdin.write(keys);
  });
  return new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      clearTimeout(guard);
      resolve(waiting.length === 0 ? code : null);
    });
  });
}

export const enter = "\r";
export const down = "\u001B[B";
