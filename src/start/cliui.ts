/**
 * Stands in the bundle for what yargs lays out help with (see build.ts): loading it takes a quarter of a
 * whole preview, which prints no help.
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

// The shape of the module that it stands for, which has no types of its own.
// oxlint-disable-next-line import/no-default-export
export default function layOut(options: unknown): unknown {
  // It exports the function itself to what requires it ("module.exports").
  const load: (options: unknown) => unknown = require("cliui");
  return load(options);
}
