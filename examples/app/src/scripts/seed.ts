// One-shot: a few finished jobs to look at. Runs again without effect.
import { createClient } from "../database.js";
import { connectPatiently } from "../migrate.js";
import { start } from "../process.js";

const SEEDS = [
  { id: "00000000-0000-4000-8000-000000000001", payload: { greeting: "hello" } },
  { id: "00000000-0000-4000-8000-000000000002", payload: { greeting: "world" } },
] as const;

start("script", async (config, log) => {
  const client = await connectPatiently(() => createClient(config.database), log, 60_000);
  try {
    let inserted = 0;
    for (const seed of SEEDS) {
      const { rowCount } = await client.query(
        `insert into jobs (id, kind, ms, payload, state, result, worker, runs, started_at, finished_at)
         values ($1, 'sleep', 0, $2, 'completed', $2, 'seed', 1, now(), now()) on conflict (id) do nothing`,
        [seed.id, JSON.stringify(seed.payload)],
      );
      inserted += rowCount ?? 0;
    }
    log.info({ inserted, present: SEEDS.length - inserted }, "seeded");
  } finally {
    await client.end();
  }
});
