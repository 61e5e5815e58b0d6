/** What the tests of moving tags need: copies of what real runs published, and runs that lose the registry half-way. */
import * as assert from "uvu/assert";
import { connectRegistry } from "../../src/registry/client.ts";
import type { ToolResult } from "./checkout.ts";
import { unique } from "./engine-room.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { testPlatform } from "./platform.ts";
import { openWorkplace } from "./released.ts";

/** The shared registry, asked as the tool does. */
export const registryClient = connectRegistry({ credentials: () => Promise.resolve(undefined) });

/** A run that lost the registry. */
export interface CutRun {
  /** The repository, past what cuts. */
  readonly repo: string;
  readonly ended: ToolResult;
  /** Runs the tool again, with the registry back. */
  readonly again: (args: readonly string[]) => Promise<ToolResult>;
}

/** How to run the tool until it is cut off. */
export interface CutPlan {
  readonly root: string;
  readonly args: readonly string[];
  /** `cut`: requests do not arrive any more. `cut-answer`: they do, but their answers are lost. */
  readonly fault: "cut" | "cut-answer";
  /** Fills the repository before the run. */
  readonly prepare: (repo: string) => Promise<void>;
  readonly check: (run: CutRun) => Promise<void>;
}

const runsAtOnce = 6;

/**
 * For each request that a run makes, lets it run in a repository of its own until that one, and breaks this and all
 * that follow. Gives the number of requests; fails where a check does, with the number of the request.
 */
export async function cutEverywhere({ root, args, fault, prepare, check }: CutPlan): Promise<number> {
  const { registry } = await testPlatform();

  /** Cut from the nth request on; gives how many there were. */
  async function once(from: number): Promise<number> {
    const path = `test-${unique()}`;
    const proxy = await startFaultProxy(registry);
    try {
      const place = await openWorkplace(`${proxy.address}/${path}`);
      await prepare(`${registry}/${path}`);
      proxy.break((_, n) => (n >= from ? fault : undefined));
      // The uncut run is one of a process of its own; the others would spend their time in starting it.
      const ended = await (from === Infinity ? place.run : place.runHere)(root, args);
      const requests = proxy.requests.length;
      proxy.heal();
      if (from === Infinity) assert.is(ended.code, 0, ended.stderr);
      else
        await check({ repo: `${registry}/${path}`, ended, again: (more) => place.runHere(root, more) }).catch(
          (error: unknown) => {
            throw new Error(`cut at request ${from}: ${String(error)}\n${ended.stdout}${ended.stderr}`, {
              cause: error,
            });
          },
        );
      return requests;
    } finally {
      await proxy.stop();
    }
  }

  const count = await once(Infinity);
  const waiting = Array.from({ length: count }, (_, index) => index + 1);
  const work = async () => {
    for (let from = waiting.shift(); from !== undefined; from = waiting.shift()) await once(from);
  };
  await Promise.all(Array.from({ length: runsAtOnce }, work));
  return count;
}
