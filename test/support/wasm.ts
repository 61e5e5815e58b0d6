import { setFlagsFromString } from "node:v8";

/**
 * Has V8 compile WebAssembly once and leave it at that, from the call on. It would go on in the background to make better
 * code of what runs for a moment, and no process ends before that is done: many seconds where the machine has other work.
 */
export function compileOnce(): void {
  setFlagsFromString("--liftoff-only");
}
