// Jobs as Postgres remembers them: the API inserts, the worker moves them on, and a job is completed exactly once.
import type { Pool } from "pg";

export interface Work {
  readonly kind: "sleep" | "cpu";
  readonly ms: number;
  readonly payload: unknown;
}

export interface JobRecord extends Work {
  readonly id: string;
  readonly state: "queued" | "active" | "completed" | "failed";
  readonly result: unknown;
  /** The pod that completed the job, or the one that works on it now. */
  readonly worker: string | null;
  /** How often the job was started: more than once after a worker was lost or drained. */
  readonly runs: number;
  /** How often the database saw the job completed: 1 at most, or something is wrong. */
  readonly completions: number;
}

export interface JobStore {
  insert(id: string, work: Work): Promise<void>;
  find(id: string): Promise<JobRecord | undefined>;
  /** Marks the job as being worked on; undefined when it is completed already, or unknown. */
  begin(id: string, worker: string): Promise<Work | undefined>;
  /** Records the result; false when another run was first. */
  complete(id: string, worker: string, result: unknown): Promise<boolean>;
  /** Marks an unfinished job as queued again. */
  handBack(id: string): Promise<void>;
  fail(id: string, reason: string): Promise<void>;
}

export function createJobStore(pool: Pool): JobStore {
  return {
    async insert(id, work) {
      await pool.query("insert into jobs (id, kind, ms, payload) values ($1, $2, $3, $4)", [
        id,
        work.kind,
        work.ms,
        JSON.stringify(work.payload ?? null),
      ]);
    },

    async find(id) {
      const { rows } = await pool.query<JobRecord>(
        "select id, kind, ms, payload, state, result, worker, runs, completions from jobs where id = $1",
        [id],
      );
      return rows[0];
    },

    async begin(id, worker) {
      const { rows } = await pool.query<Work>(
        `update jobs set state = 'active', worker = $2, runs = runs + 1, started_at = now(), result = null
         where id = $1 and state <> 'completed' returning kind, ms, payload`,
        [id, worker],
      );
      return rows[0];
    },

    // The condition and the row's lock make this happen once, however many runs of a stalled job get here.
    async complete(id, worker, result) {
      const { rowCount } = await pool.query(
        `update jobs set state = 'completed', worker = $2, result = $3, finished_at = now()
         where id = $1 and state <> 'completed'`,
        [id, worker, JSON.stringify(result)],
      );
      return rowCount === 1;
    },

    async handBack(id) {
      await pool.query("update jobs set state = 'queued', worker = null where id = $1 and state = 'active'", [id]);
    },

    async fail(id, reason) {
      await pool.query(
        `update jobs set state = 'failed', result = $2, finished_at = now()
         where id = $1 and state <> 'completed'`,
        [id, JSON.stringify({ error: reason })],
      );
    },
  };
}
