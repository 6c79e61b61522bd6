// Node cluster, as the framework has it: process 1 is a primary that hears SIGTERM and hands it on to its workers.
import cluster, { type Worker } from "node:cluster";

import type { Logger } from "./log.js";

/** Whether this process is one of a cluster's workers: it gets its signals from the primary. */
export const isClusterWorker = cluster.isWorker;

/**
 * Forks the workers and ends when all of them have ended.
 *
 * A worker that ends without having been told to takes the whole process with it: the platform starts it again, and
 * counts it.
 */
export function runPrimary(workers: number, log: Logger): void {
  let draining = false;
  let code = 0;
  const alive = new Set<Worker>();
  const handOn = (signal: NodeJS.Signals): void => {
    if (!draining) log.info({ signal, workers: alive.size }, "handing the signal on to the workers");
    draining = true;
    for (const worker of alive) worker.process.kill("SIGTERM");
  };
  process.on("SIGTERM", handOn);
  process.on("SIGINT", handOn);
  cluster.on("exit", (worker, exitCode, signal) => {
    alive.delete(worker);
    if (!draining) {
      log.fatal({ worker: worker.process.pid, exitCode, signal }, "a worker ended without being told to");
      code = 1;
      handOn("SIGTERM");
    }
    if (alive.size === 0) process.exit(code);
  });
  for (let number = 0; number < workers; number += 1) alive.add(cluster.fork());
}
