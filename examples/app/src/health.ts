// Readiness: do Redis and Postgres answer right now? It says so within a second, even when they hang.
import type { Pool } from "pg";

import { within } from "./process.js";
import type { Redis } from "./redis.js";

export interface Readiness {
  readonly redis: boolean;
  readonly db: boolean;
}

/** Longest wait for either store; the probe's own timeout must be longer. */
export const PROBE_TIMEOUT_MS = 800;

/**
 * A readiness check. Callers that come while one is under way share its answer.
 *
 * @param pool A pool of its own: under load the main one may have no connection left, which is no reason to be unready.
 */
export function createReadiness(redis: Redis, pool: Pool): () => Promise<Readiness> {
  const answers = async (probe: () => Promise<unknown>, what: string): Promise<boolean> => {
    try {
      await within(probe(), PROBE_TIMEOUT_MS, what);
      return true;
    } catch {
      return false;
    }
  };
  const check = async (): Promise<Readiness> => {
    const [redisAnswers, dbAnswers] = await Promise.all([
      answers(() => redis.ping(), "redis"),
      answers(() => pool.query("select 1"), "database"),
    ]);
    return { redis: redisAnswers, db: dbAnswers };
  };
  let underWay: Promise<Readiness> | undefined;
  return () => {
    underWay ??= check().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
