// Leaving without dropping anything: what happens between SIGTERM and exit, and how it is paced.
import { Server as NetServer } from "node:net";
import type { Server } from "node:http";

import { isClusterWorker } from "./cluster.js";
import type { Config } from "./config.js";
import type { Logger } from "./log.js";

/** How the time from SIGTERM to exit is divided, in milliseconds from SIGTERM. */
export interface DrainPlan {
  /** Until then idle keep-alive connections stay open, so that their next request is answered with `Connection: close`. */
  readonly lingerMs: number;
  /** WebSockets are closed one by one within this time, so that their clients do not all reconnect at once. */
  readonly socketWindowMs: number;
  /** What is still open then is cut off. */
  readonly cutOffMs: number;
}

/** Divides the budget: a fifth (at most 5 s) to linger, three fifths for sockets, the rest (at most 2 s) to close stores. */
export function planDrain(budgetMs: number): DrainPlan {
  return {
    lingerMs: Math.min(5000, budgetMs * 0.2),
    socketWindowMs: budgetMs * 0.6,
    cutOffMs: budgetMs - Math.min(2000, budgetMs * 0.2),
  };
}

/**
 * When each of `count` sockets is closed, in milliseconds from now, ascending and below `windowMs`.
 *
 * The window is cut into equal slots, one a socket, and each is closed at a random moment of its slot: evenly spread
 * over the window, and not in step with the other pods that drain at the same time.
 */
export function closeSchedule(count: number, windowMs: number, random: () => number = Math.random): number[] {
  const slot = windowMs / Math.max(1, count);
  return Array.from({ length: count }, (_, index) => (index + random()) * slot);
}

/**
 * Drains an HTTP server: no new connections, requests in flight finish, idle connections end after the linger time.
 *
 * Resolves when the last connection (WebSockets included) has gone, or at the cut-off.
 */
export async function drainServer(server: Server, plan: DrainPlan): Promise<void> {
  const timers: NodeJS.Timeout[] = [];
  await new Promise<void>((resolve) => {
    // http.Server.close() would also cut idle connections at once, and with them a request that is just on its way.
    NetServer.prototype.close.call(server, () => resolve());
    timers.push(
      setTimeout(() => {
        server.closeIdleConnections();
        timers.push(setInterval(() => server.closeIdleConnections(), 200));
      }, plan.lingerMs),
      setTimeout(() => {
        server.closeAllConnections();
        resolve();
      }, plan.cutOffMs),
    );
  });
  for (const timer of timers) clearTimeout(timer);
}

/**
 * Runs `drain` at the first SIGTERM or SIGINT, then exits with 0: at the latest when the budget is spent.
 *
 * @param config Says how long it may take. Without a handler, which an app under the framework has in cluster mode only,
 *   nothing is installed: as process 1 of a container it then ignores the signal.
 * @param drain Stops taking work and waits for what is in flight; gets the budget in milliseconds.
 */
export function exitGracefully(log: Logger, config: Config, drain: (budgetMs: number) => Promise<void>): void {
  if (!config.handlesSignals && !isClusterWorker) return;
  const budgetMs = config.gracefulTimeoutMs;
  let draining = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (draining) return;
    draining = true;
    const started = performance.now();
    log.info({ signal, budgetMs }, "draining");
    setTimeout(() => {
      log.warn({ budgetMs }, "budget spent before everything was closed");
      process.exit(0);
    }, budgetMs);
    drain(budgetMs)
      .catch((error: unknown) => log.error({ err: error }, "drain failed"))
      .finally(() => {
        log.info({ tookMs: Math.round(performance.now() - started) }, "drained");
        process.exit(0);
      });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}
