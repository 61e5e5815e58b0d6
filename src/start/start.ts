/** What `bin/image-builder` imports. */
import { compileBundle, runBundle } from "./bundle.ts";

runBundle(compileBundle());
