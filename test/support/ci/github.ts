/** GitHub Actions, as far as these workflows go; expressions are evaluated by GitHub's own library. */
import fs from "node:fs";
import path from "node:path";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { parse } from "yaml";
import { git } from "../checkout.ts";
import { isBranch, loginVariables } from "./forge.ts";
import type { CiSystem, Happening, Job, JobPlace, Script } from "./forge.ts";

/** A workflow as its file has it. */
export interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches?: string[]; readonly types?: string[] } | null>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, WorkflowJob>>;
}

interface WorkflowJob {
  readonly if?: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly "timeout-minutes"?: number;
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly steps: readonly WorkflowStep[];
}

interface WorkflowStep {
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export const github: CiSystem = {
  name: "github",
  file: ".github/workflows/images.yml",
  merges: true,
  jobs: async (happening, place) => {
    const workflow = parse(fs.readFileSync(path.join(place.workspace, github.file), "utf8")) as Workflow;
    if (!starts(workflow, happening)) return [];
    return Object.entries(workflow.jobs)
      .map(([name, job]) => ({ name, job, context: contextOf(happening, job, place) }))
      .filter(({ job, context }) => holds(job.if, context))
      .map(({ name, job, context }) => readJob(name, job, workflow, context, place, happening));
  },
};

/** Whether an event of the workflow is this one. */
function starts({ on }: Workflow, happening: Happening): boolean {
  const event = eventName(happening);
  if (!(event in on)) return false;
  if (event === "release") return on[event]?.types?.includes("released") ?? true;
  return event !== "push" || (on[event]?.branches?.includes("**") ?? true);
}

function eventName({ kind }: Happening): string {
  return kind === "pull request" ? "pull_request" : kind;
}

/**
 * The contexts `github` and `secrets`. A pull request may come from a fork: it gets no secrets. Those of production are
 * secrets of the environment `images`.
 */
function contextOf(happening: Happening, job: WorkflowJob, place: JobPlace): data.Dictionary {
  const reached = isBranch(happening) || job.environment === "images";
  const event = { deleted: false, repository: { default_branch: "main" } };
  const values = {
    github: {
      event_name: eventName(happening),
      actor: "scientist",
      ref_name:
        happening.kind === "release"
          ? happening.tag
          : happening.kind === "push"
            ? happening.branch
            : "1/merge",
      event,
    },
    secrets: reached ? loginVariables(happening, place) : {},
  };
  const context = JSON.parse(JSON.stringify(values), data.reviver) as data.Dictionary;
  return context;
}

function evaluate(expression: string, context: data.Dictionary): data.ExpressionData {
  const { tokens } = new Lexer(expression).lex();
  return new Evaluator(new Parser(tokens, ["github", "secrets"], []).parse(), context).evaluate();
}

function holds(condition: string | undefined, context: data.Dictionary): boolean {
  return condition === undefined || evaluate(condition, context).coerceString() === "true";
}

function fill(value: unknown, context: data.Dictionary): string {
  return String(value).replaceAll(/\$\{\{(.+?)\}\}/g, (_, expression: string) =>
    evaluate(expression.trim(), context).coerceString(),
  );
}

function readJob(
  name: string,
  { steps }: WorkflowJob,
  { env = {} }: Workflow,
  context: data.Dictionary,
  place: JobPlace,
  happening: Happening,
): Job {
  const environment = { ...variables(happening, place), ...env };
  const active = steps.filter((step) => holds(step.if, context));
  const scripts = active.flatMap((step): Script[] => {
    if (step.run !== undefined) {
      const own = Object.entries(step.env ?? {}).map(([key, value]) => [key, fill(value, context)]);
      const all = { ...environment, ...Object.fromEntries(own) };
      return [{ shell: ["bash", "-e", "-c"], text: step.run, environment: all }];
    }
    const [action = ""] = step.uses?.split("@") ?? [];
    switch (action) {
      case "actions/checkout":
      case "actions/setup-node":
        return [];
      case "docker/login-action": {
        const { registry, username, password } = step.with ?? {};
        const login = {
          REGISTRY: fill(registry, context),
          LOGIN_USERNAME: fill(username, context),
          LOGIN_PASSWORD: fill(password, context),
        };
        const text =
          'printf %s "$LOGIN_PASSWORD" | docker login --username "$LOGIN_USERNAME" --password-stdin "$REGISTRY"';
        return [{ shell: ["bash", "-e", "-c"], text, environment: { ...environment, ...login } }];
      }
      default:
        throw new Error(`what does ${String(step.uses)} do?`);
    }
  });
  // What is written for people is shown at the end.
  const show: Script = {
    shell: ["bash", "-e", "-c"],
    text: '[ ! -e "$GITHUB_STEP_SUMMARY" ] || cat "$GITHUB_STEP_SUMMARY"',
    environment,
  };
  const depth = active.find(({ uses }) => uses?.startsWith("actions/checkout@"))?.with?.["fetch-depth"];
  return { name, wholeHistory: depth === 0, scripts, afterwards: [show] };
}

/** https://docs.github.com/actions/reference/workflows-and-actions/variables */
function variables(happening: Happening, { workspace, temporary }: JobPlace): NodeJS.ProcessEnv {
  const common = {
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_EVENT_NAME: eventName(happening),
    GITHUB_WORKSPACE: workspace,
    GITHUB_SHA: git(workspace, "rev-parse", "HEAD"),
    GITHUB_STEP_SUMMARY: path.join(temporary, "summary.md"),
    GITHUB_OUTPUT: path.join(temporary, "output"),
    RUNNER_TEMP: temporary,
  };
  switch (happening.kind) {
    case "pull request":
      return {
        ...common,
        GITHUB_REF: "refs/pull/1/merge",
        GITHUB_REF_NAME: "1/merge",
        GITHUB_HEAD_REF: happening.branch,
        GITHUB_BASE_REF: "main",
      };
    case "push":
      return { ...common, GITHUB_REF: `refs/heads/${happening.branch}`, GITHUB_REF_NAME: happening.branch };
    case "release":
      return { ...common, GITHUB_REF: `refs/tags/${happening.tag}`, GITHUB_REF_NAME: happening.tag };
  }
}
