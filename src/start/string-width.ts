/** Stands in the bundle for what yargs measures help with, for the same reason as cliui.ts beside it. */
import { createRequire } from "node:module";
import type stringWidth from "string-width";

const require = createRequire(import.meta.url);

// The shape of the module that it stands for.
// oxlint-disable-next-line import/no-default-export
export default function measure(...options: Parameters<typeof stringWidth>): number {
  const loaded: { default: typeof stringWidth } = require("string-width");
  return loaded.default(...options);
}
