/** Streams the context of `ROOT DIRECTORY` to nowhere, and prints how long that took and what memory it needed. */
import { readContext } from "../../src/composing/context.ts";

const [root = ".", directory = "."] = process.argv.slice(2);
const begun = performance.now();
const context = await readContext(root, [directory]);
for await (const _ of context.stream("FROM scratch\n"));
const seconds = (performance.now() - begun) / 1000;
console.log(JSON.stringify({ seconds, peak: process.resourceUsage().maxRSS * 1024 }));
