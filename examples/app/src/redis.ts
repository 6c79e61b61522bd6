// Connections to Redis: they reconnect for ever, and a process starts without Redis being there.
import { Redis, type RedisOptions } from "ioredis";

import type { RedisConfig } from "./config.js";
import type { Logger } from "./log.js";

export type { Redis } from "ioredis";

const LONGEST_RETRY_MS = 2000;

/** The options that every connection shares, BullMQ's included. */
export function redisOptions(config: RedisConfig): RedisOptions & { retryStrategy: (attempt: number) => number } {
  return {
    host: config.host,
    port: config.port,
    ...(config.password === undefined ? {} : { password: config.password }),
    connectTimeout: 5000,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 10), LONGEST_RETRY_MS),
  };
}

/** A connection whose commands fail fast: at once while disconnected, after `timeoutMs` when Redis does not answer. */
export function createRedis(config: RedisConfig, log: Logger, name: string, timeoutMs = 2000): Redis {
  const redis = new Redis({
    ...redisOptions(config),
    connectionName: name,
    enableOfflineQueue: false,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
  });
  logChanges(redis, log, name);
  return redis;
}

/** A connection for subscriptions, which survive a reconnect. */
export function createSubscriber(config: RedisConfig, log: Logger, name: string): Redis {
  const redis = new Redis({ ...redisOptions(config), connectionName: name, maxRetriesPerRequest: null });
  logChanges(redis, log, name);
  return redis;
}

/** Logs the first error of an outage and its end, not every attempt in between. */
function logChanges(redis: Redis, log: Logger, connection: string): void {
  const outage = outageLog(log, `redis (${connection})`);
  redis.on("error", (error: Error) => outage.failed(error));
  redis.on("ready", () => outage.recovered());
}

/** One line when something starts to fail, one when it works again. */
export function outageLog(log: Logger, what: string): { failed(error: Error): void; recovered(): void } {
  let down = false;
  return {
    failed(error) {
      if (!down) log.warn({ err: error }, `${what} is out of reach, retrying`);
      down = true;
    },
    recovered() {
      log.info(`${what} ${down ? "is back" : "connected"}`);
      down = false;
    },
  };
}
