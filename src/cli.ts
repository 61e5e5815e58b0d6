import { hideBin } from "yargs/helpers";
import { readArguments } from "./cli/arguments.ts";
import { Stopped } from "./commands/surroundings.ts";
import { exitCodeOf, exitCodes, Refusal } from "./problem.ts";
import { flush, inert, openLog, tellProblems } from "./report/log.ts";

// Fail unless main() finishes: Node exits 0 when the event loop runs dry.
process.exitCode = 1;
void main().then((code) => process.exit(code));

async function main(): Promise<number> {
  const stop = new AbortController();
  let log = openLog(0);
  let signalled = 0;
  let rests = false;
  const onSignal = (name: NodeJS.Signals, number: number) => {
    process.on(name, () => {
      // The second time there is no waiting for the engine.
      if (signalled !== 0) process.exit(128 + number);
      signalled = 128 + number;
      const cancelling =
        name === "SIGINT" ? "Cancelling; press Ctrl-C again to quit at once." : `Cancelling (${name}).`;
      log.progress(rests ? "\nStopped.\n" : `\n${cancelling}\n`);
      stop.abort(new Stopped(name, number));
    });
  };
  onSignal("SIGHUP", 1);
  onSignal("SIGINT", 2);
  onSignal("SIGTERM", 15);
  let printed = false;
  let unprinted: string | undefined;
  const onOutputError = ({ code: reason, message }: NodeJS.ErrnoException) => {
    // A reader that has seen enough is no error, and does not end the work: `image-builder plan | head`.
    if (reason !== "EPIPE") unprinted ??= reason ?? message;
  };
  let code: number;
  try {
    const invocation = readArguments(hideBin(process.argv));
    if (invocation === undefined) return 0;
    log = openLog(invocation.verbosity);
    code = await invocation.run({
      log,
      verbosity: invocation.verbosity,
      out: (text) => {
        if (!printed) process.stdout.on("error", onOutputError);
        printed = true;
        process.stdout.write(inert(text));
      },
      progress: log.progress,
      atRest: (now) => void (rests = now),
      environment: process.env,
      signal: stop.signal,
    });
  } catch (error) {
    // What breaks off because the process was told to stop is no bug.
    code = signalled !== 0 && !(error instanceof Refusal) ? signalled : report(error, log);
  }
  // A pipe takes what its reader leaves room for; the process must not end before the rest is through.
  if (printed) await flush(process.stdout);
  if (unprinted !== undefined) {
    log.error(`standard output cannot be written: ${unprinted}`);
    if (code === 0) code = exitCodes.surroundings;
  }
  await log.end();
  return signalled === 0 ? code : signalled;
}

/** Says to a person what a run broke off for; gives the exit code. */
function report(error: unknown, log: ReturnType<typeof openLog>): number {
  if (!(error instanceof Refusal)) {
    log.error("this is a bug in image-builder, please report it:");
    log.progress(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
  tellProblems(error.problems, log);
  const located = error.problems.filter(({ file }) => file !== undefined).length;
  if (located > 0) log.error(`${located} ${located === 1 ? "problem" : "problems"} found`);
  return exitCodeOf(error.problems);
}
