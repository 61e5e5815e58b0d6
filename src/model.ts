/** The nouns, as types. Directories and paths are relative to the root, with `/` between their parts. */

/** A directory below `science/` with a Dockerfile and a definition. */
export interface ScienceLayer {
  readonly directory: string;
  readonly image: string;
  readonly version: string;
  readonly target: string;
  /** The name of the compat layer that makes a release of it. */
  readonly compat: string;
  /** Of a final layer: its image and version get no more releases. */
  readonly retired: boolean;
  /** The text of its Dockerfile, as it stands in git. */
  readonly dockerfile: string;
  /** What it builds on, in the order of the Dockerfile, each place that names it. */
  readonly bases: readonly Base[];
}

/** A place in a Dockerfile that names an image: `FROM`, `COPY --from=` or `RUN --mount=from=`. */
export interface Base {
  /** Where the image's name stands in the text: offsets of its first character and of the one after its last. */
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** The reference with ARGs resolved, as the Dockerfile means it. */
  readonly reference: string;
  /** The directory of the science layer it names; undefined for a foreign image. */
  readonly layer: string | undefined;
  /** True for the `FROM` of the stage that the build results in, followed through stages. */
  readonly final: boolean;
}

/** A directory below `compat/` with a Dockerfile fragment and a definition. */
export interface CompatLayer {
  /** The path below `compat/`. */
  readonly name: string;
  readonly directory: string;
  readonly includes: readonly string[];
  /** The text of its Dockerfile fragment. */
  readonly fragment: string;
}

/** What `image-builder.json5` says of every image of a checkout. */
export interface Conventions {
  /** What the labels begin with that form the trail: `org.sciserver`. */
  readonly labelNamespace: string;
  /** The environment variable in which a release tells its name: `SCISERVER_IMAGE`. */
  readonly environmentVariable: string;
  /** Files that count in no layer: patterns as in `.dockerignore`, which come before each layer's own. */
  readonly ignoreFiles: readonly IgnorePattern[];
}

/** A pattern as in `.dockerignore`, and the line of its file that it stands on. */
export interface IgnorePattern {
  readonly text: string;
  readonly line: number;
}

/** All definitions of a checkout, validated: every name in it leads somewhere, and nothing goes in a circle. */
export interface Catalog {
  /** By directory, sorted. */
  readonly science: ReadonlyMap<string, ScienceLayer>;
  /** By name, sorted. */
  readonly compat: ReadonlyMap<string, CompatLayer>;
  /** For each compat layer, it and all it includes in the order they are laid down, itself last. */
  readonly stacks: ReadonlyMap<string, readonly string[]>;
  /** The directories of the final layers, one for each image and version. */
  readonly finals: ReadonlySet<string>;
  readonly conventions: Conventions;
  /** By file and line. */
  readonly warnings: readonly Warning[];
}

/** What is likely a mistake in the definitions, and changes what is built; `check` finds it too. */
export interface Warning {
  /** The rule of `check`. */
  readonly rule: "unlinked-base" | "missing-definition";
  readonly file: string;
  readonly line?: number;
  readonly message: string;
  readonly hint: string;
}

/** The commit that is built. */
export interface Build {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** How many commits lead to it, itself included. */
  readonly count: number;
  /** `{count}-{7 digits of the commit}`. */
  readonly stamp: string;
  /** The working tree differs from the commit in what is built. */
  readonly dirty: boolean;
}

/**
 * How a file differs from the commit. `mode`: in its executable bit; `hidden`: git was told not to look at it (assume-unchanged,
 * skip-worktree); `converted`: git wrote other bytes than it holds (core.autocrlf, a filter); `pointer`: Git LFS has not
 * fetched its data; `submodule`: it was not initialised; `absent`: a sparse checkout leaves it out.
 */
export type Deviation =
  | "modified"
  | "added"
  | "deleted"
  | "mode"
  | "untracked"
  | "ignored"
  | "hidden"
  | "converted"
  | "pointer"
  | "submodule"
  | "absent";

/**
 * Why paths lead to no build. They changed: `unused` in compat layers that no science layer names; `retired` in layers of which only
 * retired images are made; `only-retired` only to retire a layer; `ignored` in layers that `--ignore` names; `dockerignored` in files that no
 * image gets; `outside` in no layer. Or they are no change: `uncommitted` where commits are compared, `untracked`, `git-ignored`.
 */
export interface Idle {
  readonly kind:
    | "unused"
    | "retired"
    | "only-retired"
    | "ignored"
    | "dockerignored"
    | "outside"
    | "uncommitted"
    | "untracked"
    | "git-ignored";
  /** Files, or the directories of layers. */
  readonly paths: readonly string[];
}

/** A file of the working tree that is not as the commit holds it. */
export interface Uncommitted {
  /** Relative to the root. */
  readonly path: string;
  readonly how: Deviation;
}

/** A commit, as a person recognises it. */
export interface Commit {
  /** In full. */
  readonly commit: string;
  /** When it was committed, RFC 3339, UTC. */
  readonly date: string;
  readonly author: string;
  /** The first line of its message. */
  readonly subject: string;
}

/** Why a step is in the plan. */
export type Reason =
  | { readonly kind: "changed"; readonly paths: readonly string[] }
  | { readonly kind: "base"; readonly step: string }
  | { readonly kind: "compat"; readonly compat: string; readonly paths: readonly string[] }
  | { readonly kind: "requested" }
  /** The registry holds no image of it. */
  | { readonly kind: "unpublished" }
  /** What the registry holds is not what this checkout would make. */
  | { readonly kind: "stale"; readonly differs: readonly Difference[] };

/**
 * In what an image is not as the checkout would make it. `unknown`: its labels do not say what it was made from. `image`: it is
 * another image than the build that its labels name.
 */
export type Difference = "files" | "compat" | "base" | "image" | "unknown";

/** Both references of what a step makes. */
export interface Tags {
  readonly immutable: string;
  readonly rolling: string;
}

interface StepCommon {
  /** `science/…`, the directory, or `compat/{image}:{version}`. */
  readonly id: string;
  readonly image: string;
  readonly version: string;
  /** The ids of earlier steps that it stands on. */
  readonly needs: readonly string[];
  /** The references of the images it is built on. */
  readonly bases: readonly string[];
  readonly tags: Tags;
  readonly because: readonly Reason[];
}

/** The build of a science layer. */
export interface ScienceStep extends StepCommon {
  readonly kind: "science";
  readonly directory: string;
  readonly target: string;
  readonly final: boolean;
}

/** The build of a release: a compat layer, and all it includes, on a final layer. */
export interface CompatStep extends StepCommon {
  readonly kind: "compat";
  readonly compat: string;
  /** The compat layers in the order they are laid down. */
  readonly layers: readonly string[];
  /** The directory of the final layer that it stands on. */
  readonly science: string;
}

export type Step = ScienceStep | CompatStep;

/** What the older side of a ref makes and the catalog does not. */
export interface Orphaned {
  /** `science`: what a layer made under another target. */
  readonly kind: "release" | "science";
  /** `solar 2.0`, image and version, or `sci/solar:2.0`. */
  readonly name: string;
  /** The file that defined it. */
  readonly definition: string;
}

/** The ordered steps that a change leads to. The JSON of `plan` is this, and what else is known of each step. */
export interface Plan {
  readonly formatVersion: 1;
  readonly repo: string;
  /** What the changes were taken from; null where git was not asked. */
  readonly ref: string | null;
  readonly build: Build;
  readonly steps: readonly Step[];
  /** The images that it was limited to, as they were named; not there where it was not. */
  readonly images?: readonly string[];
  /** What the change was let to orphan; not there where that is nothing. */
  readonly orphans?: readonly Orphaned[];
  /** The files for which the build is dirty; not there where it is clean. */
  readonly uncommitted?: readonly Uncommitted[];
  /** Why the changes of the ref lead to no step; not there where there are steps, or no change. */
  readonly idle?: readonly Idle[];
  /** What in the definitions is likely a mistake; not there where nothing is. */
  readonly warnings?: readonly Warning[];
}

/** How to log in to a registry. An identity token stands for a login that its holder made elsewhere. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  | { readonly identityToken: string };
