import type { Plan, Step } from "./model.ts";
import type { Problem } from "./problem.ts";

/** How a step of a run ended. `seconds` is its wall time. */
export type StepResult =
  | {
      readonly kind: "built";
      readonly step: Step;
      readonly id: string;
      /** Nothing ran: the build cache gave everything. */
      readonly cached: boolean;
      readonly seconds: number;
    }
  | {
      readonly kind: "failed";
      readonly step: Step;
      readonly problems: readonly Problem[];
      readonly seconds: number;
      readonly tail: readonly string[];
    }
  | { readonly kind: "cancelled"; readonly step: Step; readonly seconds: number }
  /** The registry has it already, made from the same inputs. */
  | { readonly kind: "reused"; readonly step: Step; readonly digest: string }
  /** Not started: it stands on `on`, which was not built, or the run had stopped. */
  | { readonly kind: "skipped"; readonly step: Step; readonly on: string | undefined };

/** How the publishing of a reference ended; `digest` is that of the manifest that it names. */
export type PushResult =
  /** `unchanged`: it named that before. */
  | { readonly kind: "pushed" | "unchanged"; readonly reference: string; readonly digest: string }
  /** A tag that stays where it is: `newer`, as that is a build of a later commit; `kept`, as it must not move. */
  | {
      readonly kind: "newer" | "kept";
      readonly reference: string;
      readonly digest: string;
      readonly why: string;
    }
  | { readonly kind: "unpushed"; readonly reference: string; readonly problems: readonly Problem[] };

/** How far a pull or push has come. */
export interface TransferProgress {
  /** News for people; undefined where only bytes moved. */
  readonly line: string | undefined;
  /** Bytes through so far of the layers that move, and how many those have as far as it is known; both grow. */
  readonly bytes: number;
  readonly total: number;
}

/** What happens while a plan is carried out, as it happens. */
export type RunEvent =
  /** Before the first build of a run that publishes: tags that will stay where they are, each with what a person is told of it. */
  | { readonly kind: "staying"; readonly tags: readonly (readonly [reference: string, why: string])[] }
  | { readonly kind: "started"; readonly step: Step }
  | { readonly kind: "output"; readonly step: Step; readonly line: string }
  | { readonly kind: "ended"; readonly result: StepResult }
  | {
      readonly kind: "overridden";
      readonly step: Step;
      readonly path: string;
      readonly by: string;
      readonly of: string;
    }
  | { readonly kind: "pinned"; readonly step: Step; readonly base: string; readonly digest: string }
  | ({ readonly kind: "pulling"; readonly reference: string } & TransferProgress)
  /** A pull ended, well or not. */
  | { readonly kind: "pulled"; readonly reference: string }
  | ({ readonly kind: "pushing"; readonly reference: string } & TransferProgress)
  | { readonly kind: "retrying"; readonly line: string }
  | { readonly kind: "uploading"; readonly reference: string }
  | { readonly kind: "published"; readonly result: PushResult };

/** A run from its plan to its end. */
export interface RunResult {
  readonly plan: Plan;
  readonly steps: readonly StepResult[];
  /** Further tags that the releases were to get, as pairs of a tag and the immutable tag whose image it names. */
  readonly named: readonly (readonly [tag: string, immutable: string])[];
  /** Whether it was to publish. */
  readonly push: boolean;
  /** Empty where nothing was to be pushed or the builds did not all succeed. */
  readonly pushes: readonly PushResult[];
  readonly seconds: number;
}
