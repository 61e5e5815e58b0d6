/**
 * The last step of a build: previews the shipped layers and keeps what V8 compiled for that, so that the next
 * preview need not. What the preview says, and whether there is anything to preview, does not matter.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { codeCacheFile, compileBundle, runBundle } from "./bundle.ts";

const bundle = compileBundle();
process.stderr.write = () => true;
process.on("exit", () => {
  writeFileSync(codeCacheFile, bundle.createCachedData());
  process.exitCode = 0;
});
process.argv.splice(2, Infinity, "--dryrun", "-v", "--all", "--root", path.join(import.meta.dirname, ".."));
runBundle(bundle);
