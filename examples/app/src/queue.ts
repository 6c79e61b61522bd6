// The queues between API and workers. They carry ids only: what to do stands in Postgres.
import { Queue } from "bullmq";

import type { RedisConfig } from "./config.js";
import type { Logger } from "./log.js";
import { QUEUE_NAMES, type QueueName } from "./queue-names.js";
import { outageLog, redisOptions } from "./redis.js";

export type Queues = Readonly<Record<QueueName, Queue>>;

const JOB_OPTIONS = {
  attempts: 8,
  backoff: { type: "exponential", delay: 500 },
  removeOnComplete: { age: 3600, count: 1000 },
  removeOnFail: { age: 86_400, count: 1000 },
};

/** The producer's end of each queue. */
export function createQueues(config: RedisConfig, log: Logger): Queues {
  const queues = QUEUE_NAMES.map((name) => [name, createQueue(name, config, log)] as const);
  return Object.fromEntries(queues) as Record<QueueName, Queue>;
}

/** Adding fails at once while Redis is away, instead of being kept in memory. */
function createQueue(name: QueueName, config: RedisConfig, log: Logger): Queue {
  const queue = new Queue(name, {
    connection: { ...redisOptions(config), connectionName: "queue", enableOfflineQueue: false, maxRetriesPerRequest: 0 },
    defaultJobOptions: JOB_OPTIONS,
  });
  const outage = outageLog(log, "queue");
  queue.on("error", (error) => outage.failed(error));
  return queue;
}
