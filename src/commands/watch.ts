import { EventEmitter, once } from "node:events";
import { realpathSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { watch as watchFiles } from "chokidar";
import { configurationName } from "../conventions.ts";
import type { Catalog } from "../model.ts";
import { changedLayers, layerDirectories } from "../planning/changes.ts";
import { withBases } from "../planning/graph.ts";
import { makePlan } from "../planning/plan.ts";
import { describeProblem, printable, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { tellProblems } from "../report/log.ts";
import { build as buildOnce } from "./build.ts";
import type { BuildSettings } from "./build.ts";
import { changedByConventions } from "./conventions.ts";
import { loadCatalog, preview, triggersOf } from "./preview.ts";
import type { Surroundings } from "./surroundings.ts";

/** How long nothing may be saved before a build begins, in milliseconds: editors and `git switch` save many files at once. */
const quiet = 200;

/** What editors keep beside the file that is open. */
const ofEditors = /(?:^|\/)(?:\.git|4913|\.#[^/]*|#[^/]*#|[^/]*~|[^/]*\.sw[a-z])$/;

/**
 * `image-builder build --watch`: builds, and then again whatever a saved file touches, until the process is told to stop.
 * What is saved while a build runs cancels it. Refuses what a save could not mend; whatever goes wrong later is told, and
 * tried again with the next save. Ends by throwing, as all that is stopped.
 */
export async function watch(settings: BuildSettings, surroundings: Surroundings): Promise<never> {
  const { root } = settings;
  const { log, out, progress, atRest, signal } = surroundings;
  const first = { ...settings, untracked: true };
  /** Files that were saved and whose layers are not known yet. */
  const saved = new Set<string>();
  /** Layers that are to be built: their last build did not succeed. */
  const owed = new Set<string>();
  /** Layers that this session has built. */
  const built = new Set<string>();
  const saves = new EventEmitter();
  let planned = false;
  let pending = false;
  let run = new AbortController();

  const build = async (chosen: BuildSettings): Promise<void> => {
    for (const directory of owed) built.add(directory);
    const stop = AbortSignal.any([signal, run.signal]);
    // A table of what was cancelled says nothing.
    const unlessCancelled = (text: string) => void (stop.aborted || out(text));
    const code = await buildOnce(chosen, { ...surroundings, out: unlessCancelled, signal: stop });
    if (code === 0 && !stop.aborted) owed.clear();
  };
  const buildFirst = async (): Promise<void> => {
    const { plan } = await preview(first, surroundings);
    planned = true;
    const ids = new Set(plan.steps.map(({ id }) => id));
    for (const step of plan.steps)
      if (step.kind === "science") owed.add(step.directory);
      else if (!ids.has(step.science)) owed.add(`compat/${step.compat}`);
    await build(first);
  };
  const buildSaved = async (): Promise<void> => {
    const catalog = loadCatalog(root, settings.repo);
    const touched = changedLayers(catalog, saved, triggersOf(root, catalog));
    for (const directory of touched.keys()) owed.add(directory);
    if (saved.has(configurationName))
      for (const directory of (await changedByConventions(root, "HEAD", catalog)).keys()) owed.add(directory);
    saved.clear();
    const layers = layerDirectories(catalog);
    for (const directory of owed) if (!layers.has(directory)) owed.delete(directory);
    if (owed.size === 0) return;
    const include = withWhatIsBelow(catalog, owed, built);
    await build({ ...settings, ref: undefined, all: false, stale: false, include });
  };
  const tell = (error: unknown): void => {
    signal.throwIfAborted();
    if (run.signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    if (!planned && error.problems.some(({ kind }) => kind !== "definition")) throw error;
    tellProblems(error.problems, log);
  };

  // The checkout as a whole: what is watched itself and then goes away is not seen when it comes back.
  const checkout = realpathSync(root);
  const watcher = watchFiles(checkout, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (file) => {
      const relative = path.relative(checkout, file);
      const [top = ""] = relative.split(path.sep);
      return ofEditors.test(relative) || !["", "science", "compat", configurationName].includes(top);
    },
  });
  watcher.on("all", (event, file) => {
    if (event === "addDir" || event === "unlinkDir") return;
    saved.add(path.relative(checkout, file).split(path.sep).join("/"));
    pending = true;
    run.abort();
    saves.emit("save");
  });
  try {
    await once(watcher, "ready", { signal }).catch(refuseToWatch);
    watcher.on("error", (error) => log.error(describeProblem(unwatchable(error))));
    for (;;) {
      run = new AbortController();
      await (planned ? buildSaved() : buildFirst()).catch(tell);
      if (!pending) {
        progress("Watching for changes (Ctrl-C to stop).\n");
        atRest(true);
        await once(saves, "save", { signal });
        atRest(false);
      }
      do {
        pending = false;
        await sleep(quiet, undefined, { signal });
      } while (pending);
      const files = [...saved];
      const more = files.length > 3 ? ` and ${files.length - 3} more` : "";
      progress(`\n${printable(files.slice(0, 3).join(", "))}${more} saved\n`);
    }
  } finally {
    await watcher.close();
  }
}

/**
 * The layers with those of the session that are built with them or below them: tags of an uncommitted build stay in its own
 * run, so that without these a layer would be built on what was there before.
 */
function withWhatIsBelow(
  catalog: Catalog,
  layers: ReadonlySet<string>,
  built: ReadonlySet<string>,
): readonly string[] {
  const changes = new Map([...layers].map((directory) => [directory, []]));
  const commit = { commit: "0".repeat(40), count: 0, stamp: "0-0000000", dirty: false };
  const { steps } = makePlan({ catalog, changes, repo: "localhost/watch", ref: null, build: commit });
  const science = steps.map((step) => (step.kind === "science" ? step.directory : step.science));
  const below = [...withBases(catalog, science)].filter((directory) => built.has(directory));
  return [...new Set([...layers, ...below])];
}

function refuseToWatch(error: unknown): never {
  if (error instanceof Error && error.name === "AbortError") throw error;
  throw new Refusal(unwatchable(error));
}

function unwatchable(error: unknown): Problem {
  return {
    kind: "surroundings",
    message: `cannot watch science/ and compat/: ${error instanceof Error ? error.message : String(error)}`,
    hint: "raise fs.inotify.max_user_watches, or set CHOKIDAR_USEPOLLING=1 to look at the files now and then",
  };
}
