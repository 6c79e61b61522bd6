// What Prometheus scrapes. One registry a process; nothing is registered globally, so tests can make as many as they like.
// How much waits in the queues is told by the platform, from Redis itself.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

export interface ApiMetrics {
  readonly registry: Registry;
  readonly requests: Histogram<"method" | "route" | "status">;
  readonly submitted: Counter;
  readonly sockets: Gauge;
}

export function createApiMetrics(): ApiMetrics {
  const registry = createRegistry();
  return {
    registry,
    requests: new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the request's arrival to the last byte of its response.",
      labelNames: ["method", "route", "status"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
    submitted: new Counter({ name: "jobs_submitted_total", help: "Jobs accepted and queued.", registers: [registry] }),
    sockets: new Gauge({ name: "websocket_connections", help: "Open WebSockets.", registers: [registry] }),
  };
}

export interface WorkerMetrics {
  readonly registry: Registry;
  readonly runs: Histogram<"kind" | "outcome">;
  readonly waits: Histogram;
}

export function createWorkerMetrics(): WorkerMetrics {
  const registry = createRegistry();
  const buckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
  return {
    registry,
    runs: new Histogram({
      name: "job_run_duration_seconds",
      help: "Time of one run of a job, by outcome: completed, duplicate, failed or handed_back.",
      labelNames: ["kind", "outcome"],
      buckets,
      registers: [registry],
    }),
    waits: new Histogram({
      name: "job_wait_duration_seconds",
      help: "Time from a job's submission to the start of a run.",
      buckets,
      registers: [registry],
    }),
  };
}

function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
