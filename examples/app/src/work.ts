// The work itself: waiting or computing for a given time, and giving up at once when told to.
import { createHash } from "node:crypto";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

import type { Work } from "./jobs.js";

/** How long a computation may hold the event loop: health checks and lock renewals must get their turn. */
const SLICE_MS = 10;

/**
 * Does the work and returns its result.
 *
 * @throws AbortError as soon as `signal` is aborted.
 */
export async function doWork(work: Work, signal: AbortSignal): Promise<Record<string, unknown>> {
  const started = performance.now();
  const rounds = work.kind === "cpu" ? await compute(work.ms, signal) : await wait(work.ms, signal);
  return { kind: work.kind, tookMs: Math.round(performance.now() - started), rounds, payload: work.payload ?? null };
}

async function wait(ms: number, signal: AbortSignal): Promise<number> {
  await sleep(ms, undefined, { signal });
  return 0;
}

async function compute(ms: number, signal: AbortSignal): Promise<number> {
  const end = performance.now() + ms;
  let digest = Buffer.alloc(32);
  let rounds = 0;
  while (performance.now() < end) {
    const slice = Math.min(end, performance.now() + SLICE_MS);
    while (performance.now() < slice) {
      digest = createHash("sha256").update(digest).digest();
      rounds += 1;
    }
    await nextTurn();
    signal.throwIfAborted();
  }
  return rounds;
}
