// Connections to Postgres. TLS comes from PGSSLMODE and NODE_EXTRA_CA_CERTS, which `pg` and Node read by themselves.
import pg from "pg";

import type { DatabaseConfig } from "./config.js";
import type { Logger } from "./log.js";

export type { Pool, PoolClient } from "pg";

const CONNECT_TIMEOUT_MS = 5000;
const QUERY_TIMEOUT_MS = 10_000;

/** A pool of at most `size` connections that outlives the database: it reconnects with the next query. */
export function createPool(config: DatabaseConfig, log: Logger, size: number, timeoutMs?: number): pg.Pool {
  const pool = new pg.Pool({
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password,
    database: config.database,
    max: size,
    connectionTimeoutMillis: timeoutMs ?? CONNECT_TIMEOUT_MS,
    query_timeout: timeoutMs ?? QUERY_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
  });
  // Without a listener the loss of an idle connection would end the process.
  pool.on("error", (error) => log.warn({ err: error }, "lost an idle database connection"));
  return pool;
}

/** One connection outside any pool and without query timeout, for migrations. */
export function createClient(config: DatabaseConfig): pg.Client {
  return new pg.Client({
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password,
    database: config.database,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
}
