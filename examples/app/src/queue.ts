// The queue between API and workers. It carries ids only: what to do stands in Postgres.
import { Queue } from "bullmq";

import type { RedisConfig } from "./config.js";
import type { Logger } from "./log.js";
import { outageLog, redisOptions } from "./redis.js";

export const QUEUE_NAME = "jobs";

/** BullMQ's own states that the metrics report. */
export const QUEUE_STATES = ["waiting", "active", "delayed", "failed"] as const;

const JOB_OPTIONS = {
  attempts: 8,
  backoff: { type: "exponential", delay: 500 },
  removeOnComplete: { age: 3600, count: 1000 },
  removeOnFail: { age: 86_400, count: 1000 },
};

/** The producer's end: adding fails at once while Redis is away, instead of being kept in memory. */
export function createQueue(config: RedisConfig, log: Logger): Queue {
  const queue = new Queue(QUEUE_NAME, {
    connection: { ...redisOptions(config), connectionName: "queue", enableOfflineQueue: false, maxRetriesPerRequest: 0 },
    defaultJobOptions: JOB_OPTIONS,
  });
  const outage = outageLog(log, "queue");
  queue.on("error", (error) => outage.failed(error));
  return queue;
}

/** Seconds that the oldest waiting job has waited; 0 when none waits. */
export async function oldestWaitingSeconds(queue: Queue): Promise<number> {
  const [oldest] = await queue.getWaiting(0, 0);
  return oldest ? Math.max(0, (Date.now() - oldest.timestamp) / 1000) : 0;
}
