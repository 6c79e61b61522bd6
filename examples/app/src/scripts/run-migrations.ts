// One-shot: brings the schema up to date, then ends.
import { createClient } from "../database.js";
import { connectPatiently, migrate } from "../migrate.js";
import { migrations } from "../migrations.js";
import { start } from "../process.js";

start("script", async (config, log) => {
  const client = await connectPatiently(() => createClient(config.database), log, 60_000);
  try {
    const applied = await migrate(client, migrations, log);
    log.info({ applied, total: migrations.length }, applied.length > 0 ? "schema brought up to date" : "schema is up to date");
  } finally {
    await client.end();
  }
});
