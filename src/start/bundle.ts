import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";

/** The bundle of `src/cli.ts`: a function of what Node gives to a CommonJS module. */
const bundleFile = path.join(import.meta.dirname, "cli.cjs");

/** What V8 made of the bundle when it was built; for another Node than that it is of no use, and ignored. */
export const codeCacheFile = path.join(import.meta.dirname, "cli.cache");

/** Compiles the bundle: with the code cache in a third of the time, and a preview is short enough to feel it. */
export function compileBundle(): Script {
  return new Script(readFileSync(bundleFile, "utf8"), {
    filename: pathToFileURL(bundleFile).href,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(existsSync(codeCacheFile) ? { cachedData: readFileSync(codeCacheFile) } : {}),
  });
}

/** Runs the bundle, which does what the command line says. */
export function runBundle(bundle: Script): void {
  const run: unknown = bundle.runInThisContext();
  if (typeof run !== "function") throw new Error("dist/ is not complete: npm run build");
  run(createRequire(bundleFile), import.meta.dirname, pathToFileURL(bundleFile).href);
}
