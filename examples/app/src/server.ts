// The HTTP server: limits, logging, metrics, errors in JSON, and the routes.
import { randomUUID } from "node:crypto";
import websocket from "@fastify/websocket";
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";

import type { Config } from "./config.js";
import type { Readiness } from "./health.js";
import type { JobStore } from "./jobs.js";
import { safeUrl, type Logger } from "./log.js";
import type { ApiMetrics } from "./metrics.js";
import type { Queues } from "./queue.js";
import type { Rooms } from "./rooms.js";
import { registerJobs } from "./routes/jobs.js";
import { registerOperations } from "./routes/operations.js";

const BODY_LIMIT_BYTES = 16 * 1024;
/** Routes that are called by machines every few seconds and would drown the log. */
const QUIET_ROUTES = new Set(["/healthz", "/ready", "/metrics"]);

export interface ApiParts {
  readonly config: Config;
  readonly log: Logger;
  readonly jobs: JobStore;
  readonly queues: Queues;
  readonly metrics: ApiMetrics;
  readonly rooms: Rooms;
  readonly readiness: () => Promise<Readiness>;
  /** True from SIGTERM on: every response then asks its client to connect anew. */
  readonly isDraining: () => boolean;
}

export async function createServer(parts: ApiParts): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: parts.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    bodyLimit: BODY_LIMIT_BYTES,
    // Longer than the idle timeout of the load balancer: it, not the app, closes idle connections.
    keepAliveTimeout: parts.config.keepAliveTimeoutMs,
    requestTimeout: 30_000,
    return503OnClosing: false,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  });
  app.server.headersTimeout = parts.config.keepAliveTimeoutMs + 3000;

  app.addHook("onSend", async (_request, reply) => {
    if (parts.isDraining()) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => record(request, reply, parts));
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).send({ error: "not found", path: safeUrl(request.url) });
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error({ err: error }, "request failed");
    reply.code(status).send({ error: status === 500 ? "internal error" : error.message, requestId: request.id });
  });

  await app.register(websocket, { options: { maxPayload: BODY_LIMIT_BYTES } });
  app.get("/ws", { websocket: true }, (socket) => {
    parts.metrics.sockets.inc();
    socket.on("close", () => parts.metrics.sockets.dec());
    parts.rooms.accept(socket);
  });
  registerOperations(app, parts);
  registerJobs(app, parts);
  return app;
}

/** The caller's request id if it is a sane one, else a fresh one. */
function requestId(header: string | string[] | undefined): string {
  return typeof header === "string" && /^[\w.-]{1,64}$/.test(header) ? header : randomUUID();
}

function record(request: FastifyRequest, reply: FastifyReply, { metrics }: ApiParts): void {
  const route = request.routeOptions.url ?? "unmatched";
  metrics.requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  const level = QUIET_ROUTES.has(route) && reply.statusCode < 400 ? "debug" : "info";
  const tookMs = Math.round(reply.elapsedTime * 10) / 10;
  request.log[level](
    { method: request.method, url: safeUrl(request.url), status: reply.statusCode, tookMs },
    "request",
  );
}
