/**
 * A step of a build: bundles `src/` into `dist/`. With `--lines` the code keeps its line breaks, for what counts lines.
 * docs/decisions/0004-start-up.md says why it is bundled, and so.
 */
import { rmSync } from "node:fs";
import { build } from "esbuild";
import type { BuildOptions } from "esbuild";

const common: BuildOptions = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  logLevel: "warning",
};
const lines = process.argv.includes("--lines");

rmSync("dist", { recursive: true, force: true });

// What Node starts: it finds the bundle beside itself.
await build({
  ...common,
  entryPoints: ["src/start/start.ts", "src/start/warm.ts"],
  define: { "import.meta.dirname": "__dirname" },
});

// The tool, as a function of what Node gives to a module.
await build({
  ...common,
  entryPoints: ["src/cli.ts"],
  banner: { js: "(function (require, directory, url) {" },
  footer: { js: "})" },
  define: { "import.meta.dirname": "directory", "import.meta.url": "url" },
  // An import() of what stays outside becomes a require: the other does not go together with V8's code cache.
  supported: { "dynamic-import": false },
  // dockerode has native parts. The others serve a build or single commands, and every line in here costs each start.
  external: [
    "dockerode",
    "handlebars",
    "tar-stream",
    "fs-extra",
    "@clack/prompts",
    "chokidar",
    "https-proxy-agent",
    "@viz-js/viz",
  ],
  alias: {
    assert: "./src/start/assert.ts",
    cliui: "./src/start/cliui.ts",
    "string-width": "./src/start/string-width.ts",
  },
  minifyWhitespace: !lines,
  minifyIdentifiers: true,
  minifySyntax: !lines,
  sourcemap: true,
});
