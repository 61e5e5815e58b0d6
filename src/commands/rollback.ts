import { Refusal } from "../problem.ts";
import { rollbackText } from "../report/rollback.ts";
import { isVersion } from "../version.ts";
import { nameWithVersion } from "./found-image.ts";
import { readImageName } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** What is taken back, as the command line gives it. */
export interface RollbackSettings {
  /** The directory that holds `science/` and `compat/`; undefined where there is none around. */
  readonly root: string | undefined;
  readonly repo: string;
  /** `IMAGE[:VERSION]`, or `sci/TARGET[:VERSION]` for a science layer's own product; one of a single version needs none. */
  readonly image: string;
  /** The stamp of the build that it is taken to; undefined for the one before the present one. */
  readonly to: string | undefined;
  readonly dryrun: boolean;
}

/**
 * `image-builder rollback`: makes a rolling tag name an earlier build, and stay there. It needs no checkout: what the
 * catalog has forgotten can be taken back as well. Gives the exit code.
 */
export async function rollback(settings: RollbackSettings, surroundings: Surroundings): Promise<number> {
  const { repo, to, dryrun } = settings;
  const { path, version } = readName(settings);
  const [{ carryOutRollback, planRollback }, { openRegistry }] = await Promise.all([
    import("../building/rollback.ts"),
    import("./registry.ts"),
  ]);
  const registry = await openRegistry(surroundings, dryrun ? {} : { writesTo: repo });
  const found = await planRollback({ repository: `${repo}/${path}`, version, to }, registry);
  if (!dryrun) await carryOutRollback(found, registry);
  surroundings.out(rollbackText(found, { dryrun }));
  return 0;
}

/** The path below the repository, e.g. `rel/essentials`, and the version. */
function readName({ root, repo, image: text }: RollbackSettings): {
  readonly path: string;
  readonly version: string;
} {
  const { path = "", suffix = "" } = readImageName(nameWithVersion(text, root, repo)) ?? {};
  const version = suffix.slice(1);
  if (suffix.startsWith(":") && isVersion(version)) return { path, version };
  throw new Refusal({
    kind: "usage",
    message: `${JSON.stringify(text)}: give an image and its version, e.g. tools:1.0 or sci/tools:1.0`,
  });
}
