// The worker process: takes jobs from the queue, does them, and records each result exactly once in Postgres.
import { createServer, type Server } from "node:http";
import { UnrecoverableError, WaitingError, Worker, type Job } from "bullmq";
import type { Registry } from "prom-client";

import type { Config } from "./config.js";
import { createPool } from "./database.js";
import { exitGracefully } from "./drain.js";
import { createJobStore, type JobStore } from "./jobs.js";
import type { Logger } from "./log.js";
import { createWorkerMetrics, type WorkerMetrics } from "./metrics.js";
import { start, within } from "./process.js";
import type { QueueName } from "./queue-names.js";
import { outageLog, redisOptions } from "./redis.js";
import { doWork } from "./work.js";

interface WorkerParts {
  readonly config: Config;
  readonly log: Logger;
  readonly store: JobStore;
  readonly metrics: WorkerMetrics;
}

start("worker", async (config, log) => {
  const pool = createPool(config.database, log, config.database.poolSize);
  const metrics = createWorkerMetrics();
  const parts = { config, log, store: createJobStore(pool), metrics };
  const workers = config.queues.map((queue) => createWorker(queue, parts));
  const server = serveMetrics(metrics.registry, config);

  exitGracefully(log, config, async (budgetMs) => {
    await Promise.all(workers.map((worker) => closeWorker(worker, budgetMs, log)));
    server.close();
    await within(pool.end(), 1000, "closing the database");
  });
  log.info({ queues: config.queues, concurrency: config.queueConcurrency }, "waiting for jobs");
});

function createWorker(queue: QueueName, parts: WorkerParts): Worker {
  const { config, log, store } = parts;
  const worker = new Worker(queue, (job, token, signal) => run(job, token, signal, parts), {
    name: config.podName,
    connection: { ...redisOptions(config.redis), connectionName: "worker", maxRetriesPerRequest: null },
    concurrency: config.queueConcurrency,
    // A job whose worker was lost is taken up by another within half a minute.
    lockDuration: 20_000,
    stalledInterval: 10_000,
    maxStalledCount: 3,
  });
  const outage = outageLog(log, `queue ${queue}`);
  worker.on("error", (error) => outage.failed(error));
  worker.on("ready", () => outage.recovered());
  worker.on("failed", (job, error) => {
    const final = !job || job.attemptsMade >= (job.opts.attempts ?? 1) || error instanceof UnrecoverableError;
    log.warn({ job: job?.id, attempt: job?.attemptsMade, final, err: error }, "job failed");
    if (job?.id && final) store.fail(job.id, error.message).catch((err: unknown) => log.error({ err }, "state not written"));
  });
  return worker;
}

/** One run of a job. Runs may repeat (a lost worker's job is taken up by another); its completion does not. */
async function run(job: Job, token: string | undefined, signal: AbortSignal | undefined, parts: WorkerParts): Promise<string> {
  const { config, log, store, metrics } = parts;
  const id = job.id;
  if (!id) throw new UnrecoverableError("a job without an id");
  const finish = metrics.runs.startTimer();
  metrics.waits.observe((Date.now() - job.timestamp) / 1000);
  const work = await store.begin(id, config.podName);
  if (!work) return "done before";
  try {
    const result = await doWork(work, signal ?? new AbortController().signal);
    const first = await store.complete(id, config.podName, result);
    finish({ kind: work.kind, outcome: first ? "completed" : "duplicate" });
    log.info({ job: id, kind: work.kind, first }, "job completed");
    return first ? "completed" : "done before";
  } catch (error) {
    finish({ kind: work.kind, outcome: signal?.aborted ? "handed_back" : "failed" });
    if (!signal?.aborted) throw error;
    await store.handBack(id);
    await job.moveToWait(token);
    log.info({ job: id }, "job handed back: this worker is leaving");
    throw new WaitingError();
  }
}

/**
 * Takes no more jobs and waits for those in hand. What cannot be finished in time goes back to the queue at once, so
 * that another worker need not wait until the lock expires.
 */
async function closeWorker(worker: Worker, budgetMs: number, log: Logger): Promise<void> {
  const reserveMs = Math.min(3000, budgetMs * 0.3);
  const handBack = setTimeout(() => {
    log.warn("time is short: handing unfinished jobs back");
    worker.cancelAllJobs("draining");
  }, budgetMs - reserveMs);
  try {
    await within(worker.close(), budgetMs - reserveMs / 3, "closing the worker");
  } finally {
    clearTimeout(handBack);
  }
}

/** Workers take no traffic, but are probed and scraped. */
function serveMetrics(registry: Registry, config: Config): Server {
  const server = createServer((request, response) => {
    if (request.url === "/healthz") {
      response.setHeader("content-type", "application/json");
      response.end('{"status":"ok"}');
    } else if (request.url === "/metrics") {
      registry.metrics().then(
        (text) => response.setHeader("content-type", registry.contentType).end(text),
        () => response.writeHead(500).end(),
      );
    } else {
      response.writeHead(404).end();
    }
  });
  server.listen(config.port, config.host);
  return server;
}
