// The API process: HTTP and WebSocket on one port.
import { createPool } from "./database.js";
import { drainServer, exitGracefully, planDrain } from "./drain.js";
import { PROBE_TIMEOUT_MS, createReadiness } from "./health.js";
import { createJobStore } from "./jobs.js";
import { createApiMetrics } from "./metrics.js";
import { start, within } from "./process.js";
import { createQueues } from "./queue.js";
import { createRedis, createSubscriber } from "./redis.js";
import { createRooms } from "./rooms.js";
import { createServer } from "./server.js";

const CLOSE_STORES_MS = 1000;

start("api", async (config, log) => {
  const pool = createPool(config.database, log, config.database.poolSize - 1);
  const probePool = createPool(config.database, log, 1, PROBE_TIMEOUT_MS);
  const redis = createRedis(config.redis, log, "commands");
  const probeRedis = createRedis(config.redis, log, "probe", PROBE_TIMEOUT_MS);
  const subscriber = createSubscriber(config.redis, log, "rooms");
  const queues = createQueues(config.redis, log);
  const rooms = createRooms({ publisher: redis, subscriber, podName: config.podName, log });

  let draining = false;
  const app = await createServer({
    config,
    log,
    jobs: createJobStore(pool),
    queues,
    metrics: createApiMetrics(),
    rooms,
    readiness: createReadiness(probeRedis, probePool),
    isDraining: () => draining,
  });

  exitGracefully(log, config, async (budgetMs) => {
    draining = true;
    const plan = planDrain(budgetMs);
    await Promise.all([drainServer(app.server, plan), rooms.drain(plan.socketWindowMs)]);
    for (const connection of [redis, probeRedis, subscriber]) connection.disconnect();
    await within(Promise.allSettled([...Object.values(queues).map((queue) => queue.close()), pool.end(), probePool.end()]), CLOSE_STORES_MS, "closing");
  });

  await app.listen({ host: config.host, port: config.port });
});
