/** Declarative Pipeline as far as this Jenkinsfile goes, on a real Groovy grammar. */
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Language, Parser } from "web-tree-sitter";
import type { Node } from "web-tree-sitter";
import { compileOnce } from "../wasm.ts";
import { isBranch } from "./forge.ts";
import type { CiSystem, Happening, Job, JobPlace, Script } from "./forge.ts";

/** A call in Groovy, or an assignment, which is named `=`. */
interface Call {
  readonly name: string;
  /** The arguments as they are written; those with a name under it, the others by their place. */
  readonly given: ReadonlyMap<string, Node>;
  readonly body: readonly Call[];
  readonly line: number;
}

const require = createRequire(import.meta.url);
compileOnce();
await Parser.init();
const parser = new Parser();
parser.setLanguage(
  await Language.load(
    path.join(path.dirname(require.resolve("tree-sitter-groovy/package.json")), "tree-sitter-groovy.wasm"),
  ),
);

/**
 * What may stand in which block: https://www.jenkins.io/doc/book/pipeline/syntax/ (sections, directives, conditions).
 * Blocks that are not here hold steps.
 */
const grammar: Readonly<Record<string, readonly string[]>> = {
  "": ["pipeline", "def"],
  pipeline: ["agent", "environment", "options", "parameters", "post", "stages", "tools", "triggers"],
  agent: ["docker", "dockerfile", "kubernetes", "label", "node"],
  environment: ["="],
  stages: ["stage"],
  stage: ["agent", "environment", "input", "options", "parallel", "post", "stages", "steps", "tools", "when"],
  post: ["aborted", "always", "changed", "cleanup", "failure", "fixed", "regression", "success", "unstable"],
};
const conditions = ["allOf", "anyOf", "branch", "buildingTag", "changeRequest", "environment", "not", "tag"];
const whenOnly = ["beforeAgent", "beforeInput", "beforeOptions"];

/** What is wrong with a Jenkinsfile, a line each; empty where nothing is. */
export function lintJenkinsfile(text: string): string[] {
  const root = parse(text);
  if (root.hasError) return [`line ${errorLine(root)}: this is not Groovy`];
  const calls = readCalls(root);
  const [pipeline] = calls;
  const missing = ["agent", "stages"].filter((name) => pipeline?.body.every((call) => call.name !== name));
  return [...lintBlock("", calls), ...missing.map((name) => `line 1: the pipeline has no ${name}`)];
}

function lintBlock(block: string, calls: readonly Call[]): string[] {
  const allowed =
    block === "when"
      ? [...conditions, ...whenOnly]
      : ["not", "allOf", "anyOf"].includes(block)
        ? conditions
        : grammar[block];
  return calls.flatMap((call) => [
    ...(allowed === undefined || allowed.includes(call.name)
      ? []
      : [`line ${call.line}: ${call.name} cannot stand in ${block === "" ? "the file" : block}`]),
    ...lintBlock(call.name, call.body),
  ]);
}

export const jenkins: CiSystem = {
  name: "jenkins",
  file: "Jenkinsfile",
  merges: true,
  jobs: async (happening, place) => {
    const [pipeline, ...methods] = readCalls(
      parse(fs.readFileSync(path.join(place.workspace, "Jenkinsfile"), "utf8")),
    );
    if (pipeline?.name !== "pipeline") throw new Error("no pipeline");
    const told = variables(happening, place);
    const found: Found = { scripts: [], afterwards: [], checkouts: [], agents: [] };
    const credentials = isBranch(happening) ? "image-registry-branches" : "image-registry";
    readStages(pipeline, told, { ...place, methods, credentials }, found);
    const proper = happening.kind === "pull request" ? "image-builder-check" : "docker";
    if (found.agents.join() !== proper)
      throw new Error(`agents of a ${happening.kind}: ${found.agents.join()}`);
    const [checkout] = found.checkouts;
    const job: Job = {
      name: "pipeline",
      wholeHistory: checkout !== undefined && /cloneOption\(shallow: false\b/.test(checkout),
      scripts: found.scripts,
      afterwards: found.afterwards,
    };
    return [job];
  },
};

interface Found {
  readonly scripts: Script[];
  readonly afterwards: Script[];
  /** The text of each step that checks out. */
  readonly checkouts: string[];
  /** The labels of the agents that stages ask for. */
  readonly agents: string[];
}

/** What holds for a whole pipeline. */
interface Surroundings extends JobPlace {
  /** Those that the file defines. */
  readonly methods: readonly Call[];
  /** The id of the only credentials that there are. */
  readonly credentials: string;
}

/** Collects the steps of the stages of a pipeline or stage whose conditions hold. */
function readStages(block: Call, around: NodeJS.ProcessEnv, place: Surroundings, found: Found): void {
  const environment = { ...around, ...readEnvironment(child(block, "environment"), around, place) };
  const collect = (steps: Call | undefined, into: Script[]) => {
    for (const { name, given } of steps?.body ?? []) {
      collect(
        place.methods.find((method) => method.given.get("name")?.text === name),
        into,
      );
      const [argument] = given.values();
      if (name === "checkout") found.checkouts.push(argument?.text ?? "");
      if (name !== "sh") continue;
      into.push({ shell: ["sh", "-xec"], text: literal(argument, environment), environment });
    }
  };
  const label = child(block, "agent")?.body[0]?.given.get("0");
  if (label !== undefined) found.agents.push(literal(label, environment));
  collect(child(block, "steps"), found.scripts);
  for (const stage of child(block, "stages")?.body ?? []) {
    const when = child(stage, "when");
    if (when !== undefined && !when.body.every((condition) => holds(condition, environment))) continue;
    readStages(stage, environment, place, found);
  }
  const post = child(block, "post");
  collect(post === undefined ? undefined : child(post, "always"), found.afterwards);
}

function child({ body }: Call, name: string): Call | undefined {
  return body.find((call) => call.name === name);
}

/** https://www.jenkins.io/doc/book/pipeline/syntax/#when */
function holds({ name, given, body }: Call, environment: NodeJS.ProcessEnv): boolean {
  switch (name) {
    case "beforeAgent":
    case "beforeOptions":
      return true;
    case "changeRequest":
      return environment["CHANGE_ID"] !== undefined;
    case "buildingTag":
      return environment["TAG_NAME"] !== undefined;
    case "branch":
      return environment["BRANCH_NAME"] === literal(given.get("0"), environment);
    case "not":
      return !body.every((condition) => holds(condition, environment));
    case "anyOf":
      return body.some((condition) => holds(condition, environment));
    default:
      throw new Error(`when ${name}?`);
  }
}

function readEnvironment(
  block: Call | undefined,
  around: NodeJS.ProcessEnv,
  { username, password, credentials }: Surroundings,
): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const { given } of block?.body ?? []) {
    const name = given.get("left")?.text ?? "";
    const value = given.get("right");
    if (value?.text.startsWith("credentials(") === true) {
      if (!value.text.includes(`'${credentials}'`)) throw new Error(`no ${value.text}`);
      environment[`${name}_USR`] = username;
      environment[`${name}_PSW`] = password;
    } else {
      environment[name] = literal(value, { ...around, ...environment });
    }
  }
  return environment;
}

/** The text that a Groovy string stands for; in double quotes with its `${env.NAME}`. */
function literal(node: Node | undefined, environment: NodeJS.ProcessEnv): string {
  const [, quote = "", written] = /^('''|"""|'|")(.*)\1$/s.exec(node?.text ?? "") ?? [];
  if (written === undefined) throw new Error(`not a string: ${node?.text ?? "nothing"}`);
  const text = written.replaceAll("\\\n", "");
  if (text.includes("\\")) throw new Error(`an escape in ${text}`);
  if (quote.startsWith("'")) return text;
  return text.replaceAll(/\$\{env\.(\w+)\}/g, (_, name: string) => environment[name] ?? "null");
}

function parse(text: string): Node {
  const tree = parser.parse(text);
  if (tree === null) throw new Error("the grammar is not loaded");
  return tree.rootNode;
}

function errorLine(node: Node): number {
  const inner = node.children.find((each) => each.hasError || each.isMissing);
  return inner === undefined ? node.startPosition.row + 1 : errorLine(inner);
}

function readCalls(block: Node): Call[] {
  return block.namedChildren.flatMap((node): Call[] => {
    if (/comment/.test(node.type)) return [];
    if (node.type === "expression_statement") return readCalls(node);
    const line = node.startPosition.row + 1;
    if (node.type === "assignment_expression") {
      const sides = ["left", "right"].flatMap((side): [string, Node][] => {
        const value = node.childForFieldName(side);
        return value === null ? [] : [[side, value]];
      });
      return [{ name: "=", given: new Map(sides), body: [], line }];
    }
    const body = node.childForFieldName("body");
    if (node.type === "function_definition") {
      const name = node.childForFieldName("name");
      const given = new Map(name === null ? [] : [["name", name] as const]);
      return [{ name: "def", given, body: body === null ? [] : readCalls(body), line }];
    }
    // `agent none` reads as the declaration of a variable.
    const name = (node.childForFieldName("name") ?? node.childForFieldName("type"))?.text ?? node.text;
    const list = node.childForFieldName("arguments") ?? node.childForFieldName("args");
    return [{ name, given: readArguments(list), body: body === null ? [] : readCalls(body), line }];
  });
}

function readArguments(list: Node | null): ReadonlyMap<string, Node> {
  const given = new Map<string, Node>();
  for (const [place, node] of (list?.namedChildren ?? []).entries()) {
    const value = node.type === "map_item" ? node.childForFieldName("value") : node;
    const key = node.type === "map_item" ? node.childForFieldName("key")?.text : String(place);
    if (value !== null && key !== undefined) given.set(key, value);
  }
  return given;
}

/** https://www.jenkins.io/doc/book/pipeline/multibranch/#additional-environment-variables */
function variables(happening: Happening, { workspace, temporary }: JobPlace): NodeJS.ProcessEnv {
  const common = { WORKSPACE: workspace, WORKSPACE_TMP: temporary, JENKINS_URL: "http://jenkins.invalid/" };
  switch (happening.kind) {
    case "pull request":
      return {
        ...common,
        BRANCH_NAME: "PR-1",
        CHANGE_ID: "1",
        CHANGE_BRANCH: happening.branch,
        CHANGE_TARGET: "main",
      };
    case "push":
      return {
        ...common,
        BRANCH_NAME: happening.branch,
      };
    case "release":
      return { ...common, BRANCH_NAME: happening.tag, TAG_NAME: happening.tag };
  }
}
