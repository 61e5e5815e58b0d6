/** What `bin/image-builder` imports. */
import { compileBundle, runBundle } from "./bundle.ts";

// Libraries ask for the current directory while they are loaded.
if (hasCurrentDirectory()) runBundle(compileBundle());
else {
  process.stderr.write("ERROR:root:the current directory is gone — cd to one that exists\n");
  process.exitCode = 4;
}

function hasCurrentDirectory(): boolean {
  try {
    process.cwd();
    return true;
  } catch {
    return false;
  }
}
