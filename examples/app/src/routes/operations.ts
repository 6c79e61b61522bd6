// What the platform asks: is it alive, is it ready, what is it, who am I, how is it doing?
import type { FastifyInstance } from "fastify";

import type { ApiParts } from "../server.js";
import { bearerToken, verifyToken } from "../tokens.js";

export function registerOperations(app: FastifyInstance, { config, metrics, readiness }: ApiParts): void {
  const startedAt = new Date().toISOString();

  app.get("/healthz", async () => ({ status: "ok" }));

  app.get("/ready", async (_request, reply) => {
    const state = await readiness();
    return reply.code(state.redis && state.db ? 200 : 503).send(state);
  });

  app.get("/version", async () => ({
    digest: config.imageDigest,
    pod: config.podName,
    environment: config.nodeEnv,
    node: process.version,
    startedAt,
  }));

  app.get("/whoami", async (request) => {
    const claims = await verifyToken(bearerToken(request.headers.authorization), config.jwtKeys);
    return { subject: claims.sub ?? null, claims };
  });

  app.get("/metrics", async (_request, reply) => {
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}
