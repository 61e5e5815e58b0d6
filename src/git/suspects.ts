import { createHash, randomUUID } from "node:crypto";
import { constants, createReadStream, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Uncommitted } from "../model.ts";
import { Refusal } from "../problem.ts";
import { readPrefix } from "./checkout.ts";
import { git, unexpected } from "./git.ts";
import { canBePointer, isPointer, readPointer } from "./pointer.ts";
import type { Blob } from "./working-tree.ts";

/** A file that git says nothing of, and that may differ from its blob all the same. */
export interface Suspect {
  readonly blob: Blob;
  readonly stats: Stats;
  /** `converted`: its size differs from the blob's. */
  readonly how: "hidden" | "converted";
}

/** Those of the files that differ from what a clone of the commit has, with the configuration that git comes with. */
export async function convict(root: string, suspects: readonly Suspect[]): Promise<readonly Uncommitted[]> {
  const found: Uncommitted[] = [];
  const differing: Suspect[] = [];
  for (const suspect of suspects) {
    const { path, size } = suspect.blob;
    if (suspect.how === "converted" || !(await isAsCommitted(root, suspect))) differing.push(suspect);
    else if (isPointer(join(root, path), size)) found.push({ path, how: "pointer" });
  }
  const left = await withoutPrescribed(root, await withoutFetched(root, differing));
  return [...found, ...left.map(({ blob: { path }, how }) => ({ path, how }))];
}

/** Whether a file that git does not look at is its blob all the same. */
async function isAsCommitted(root: string, { blob, stats }: Suspect): Promise<boolean> {
  const file = join(root, blob.path);
  const isLink = blob.mode === "120000";
  if (isLink !== stats.isSymbolicLink() || (!isLink && !stats.isFile())) return false;
  if (!isLink && ((stats.mode & constants.S_IXUSR) !== 0) !== (blob.mode === "100755")) return false;
  // The length of a name tells the two kinds of repository apart.
  const hash = createHash(blob.name.length === 40 ? "sha1" : "sha256");
  const content = isLink ? readlinkSync(file, "buffer") : undefined;
  hash.update(`blob ${content?.length ?? stats.size}\0`);
  if (content !== undefined) hash.update(content);
  else if (stats.size === blob.size) await pipeline(createReadStream(file), hash, { end: false });
  return hash.digest("hex") === blob.name;
}

/** Without those that hold what their pointer of Git LFS stands for. */
async function withoutFetched(root: string, suspects: readonly Suspect[]): Promise<readonly Suspect[]> {
  const pointers = suspects.filter(({ blob }) => canBePointer(blob.size));
  if (pointers.length === 0) return suspects;
  const texts = await readContents(root, pointers);
  const fetched = new Set<Suspect>();
  for (const [index, suspect] of pointers.entries()) {
    const pointer = readPointer(texts[index]?.toString() ?? "");
    if (pointer?.size !== suspect.stats.size) continue;
    // Where git looks itself, its filter has compared the content.
    if (suspect.how === "converted" || (await sha256(join(root, suspect.blob.path))) === pointer.digest)
      fetched.add(suspect);
  }
  return suspects.filter((suspect) => !fetched.has(suspect));
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash, { end: false });
  return hash.digest("hex");
}

/**
 * Without those whose bytes `.gitattributes` prescribes: with `eol`, `ident` or `working-tree-encoding` a blob becomes the same bytes in
 * every clone. What a filter of this machine makes of it does not, nor what attributes of this clone alone say.
 */
async function withoutPrescribed(root: string, suspects: readonly Suspect[]): Promise<readonly Suspect[]> {
  const converted = suspects.filter(({ how, blob }) => how === "converted" && !blob.path.includes("\n"));
  if (converted.length === 0 || (await hasOwnAttributes(root))) return suspects;
  const names = ["filter", "eol", "ident", "working-tree-encoding"];
  const input = converted.map(({ blob }) => `${blob.path}\0`).join("");
  const answer = await git(root, [...plain, "check-attr", "-z", "--stdin", ...names], { input });
  if (answer.code !== 0) throw new Refusal(unexpected(answer));
  const values = answer.stdout.split("\0").filter((_, index) => index % 3 === 2);
  const isSet = (index: number) => !["unspecified", "unset"].includes(values[index] ?? "unset");
  const prescribed = converted.filter((_, index) => {
    const [filter = false, ...others] = names.map((__, at) => isSet(names.length * index + at));
    return !filter && others.includes(true);
  });
  const expected = await readContents(root, prescribed, { asCheckedOut: true });
  const same = new Set(
    prescribed.filter(({ blob }, index) => expected[index]?.equals(readFileSync(join(root, blob.path)))),
  );
  return suspects.filter((suspect) => !same.has(suspect));
}

/** Attributes in `.git/info` are in no other clone. */
async function hasOwnAttributes(root: string): Promise<boolean> {
  const { stdout } = await git(root, ["rev-parse", "--git-path", "info/attributes"]);
  return (statSync(resolve(root, stdout.trim()), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Makes git write files as it does where nothing is configured, but for what `.gitattributes` says. */
const plain = ["core.autocrlf=false", "core.eol=lf", "core.attributesFile=/dev/null"].flatMap((setting) => [
  "-c",
  setting,
]);

/** The contents of blobs, from one process; `asCheckedOut` as git would write the files. Fewer where this clone lacks one. */
async function readContents(
  root: string,
  suspects: readonly Suspect[],
  { asCheckedOut = false } = {},
): Promise<readonly Buffer[]> {
  if (suspects.length === 0) return [];
  // The size that git puts before each content is that of the blob, and not of what it makes of it.
  const boundary = randomUUID();
  // It takes paths from the top of the repository.
  const prefix = asCheckedOut ? await readPrefix(root) : "";
  const command = ["cat-file", `--batch=${boundary}`, ...(asCheckedOut ? ["--filters"] : [])];
  const input = suspects.map(
    ({ blob: { name, path } }) => `${name}${asCheckedOut ? ` ${prefix}${path}` : ""}\n`,
  );
  const answer = await git(root, [...plain, ...command], { input: input.join(""), bytes: true });
  if (answer.code !== 0) throw new Refusal(unexpected(answer));
  const contents = answer.stdout.split(`${boundary}\n`).slice(1);
  return contents.map((content) => Buffer.from(content.slice(0, -1), "latin1"));
}
