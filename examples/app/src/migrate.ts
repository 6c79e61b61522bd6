// Applies what is new in migrations.ts: one process at a time, each migration in a transaction of its own.
import { createHash } from "node:crypto";
import type { Client } from "pg";

import type { Logger } from "./log.js";
import type { Migration } from "./migrations.js";

/** Any number: what two processes that migrate at the same time agree on. */
const ADVISORY_LOCK = 7_295_001;
/** A migration that waits longer for a table would block every query behind it: it gives up and tries again. */
const LOCK_TIMEOUT = "3s";
const LOCK_NOT_AVAILABLE = "55P03";
const ATTEMPTS = 10;

/** A fingerprint of a migration, so that an edited entry is noticed. */
export function checksum(migration: Migration): string {
  return createHash("sha256").update(migration.sql).digest("hex").slice(0, 16);
}

/**
 * Brings the schema up to date.
 *
 * @returns The ids that were applied now; empty when there was nothing to do.
 * @throws Error when an applied migration was edited afterwards, or when one fails (it leaves no trace then).
 */
export async function migrate(client: Client, list: readonly Migration[], log: Logger): Promise<string[]> {
  await client.query("set lock_timeout = '120s'");
  await client.query("select pg_advisory_lock($1)", [ADVISORY_LOCK]);
  try {
    await client.query(`create table if not exists schema_migrations (
      id text primary key, checksum text not null, applied_at timestamptz not null default now())`);
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
    const pending = await findPending(client, list);
    for (const migration of pending) await applyPatiently(client, migration, log);
    return pending.map((migration) => migration.id);
  } finally {
    await client.query("select pg_advisory_unlock($1)", [ADVISORY_LOCK]);
  }
}

async function findPending(client: Client, list: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ id: string; checksum: string }>("select id, checksum from schema_migrations");
  const applied = new Map(rows.map((row) => [row.id, row.checksum]));
  for (const migration of list) {
    const known = applied.get(migration.id);
    if (known !== undefined && known !== checksum(migration)) {
      throw new Error(`migration ${migration.id} was edited after it had been applied; add a new one instead`);
    }
  }
  return list.filter((migration) => !applied.has(migration.id));
}

async function applyPatiently(client: Client, migration: Migration, log: Logger): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await apply(client, migration);
      log.info({ migration: migration.id }, "migration applied");
      return;
    } catch (error) {
      const blocked = (error as { code?: string }).code === LOCK_NOT_AVAILABLE;
      if (!blocked || attempt === ATTEMPTS) throw error;
      log.warn({ migration: migration.id, attempt }, "a lock was not to be had in time, trying again");
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(migration.sql);
    await client.query("insert into schema_migrations (id, checksum) values ($1, $2)", [migration.id, checksum(migration)]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

/** Connects, waiting up to `patienceMs` for a database that is still starting. A refused login is final. */
export async function connectPatiently(create: () => Client, log: Logger, patienceMs: number): Promise<Client> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const client = create();
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const refused = /^(28|3D)/.test((error as { code?: string }).code ?? "");
      if (refused || performance.now() > deadline) throw error;
      log.warn({ reason: (error as Error).message }, "the database does not answer yet");
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
