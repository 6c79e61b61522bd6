// Jobs over HTTP: remembered in Postgres first, then queued in Redis, so that an accepted job is never unknown.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";

import type { Work } from "../jobs.js";
import { within } from "../process.js";
import { QUEUE_NAMES, type QueueName } from "../queue-names.js";
import type { ApiParts } from "../server.js";

const ENQUEUE_TIMEOUT_MS = 2000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const jobSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    queue: { enum: QUEUE_NAMES },
    kind: { enum: ["sleep", "cpu"] },
    ms: { type: "integer", minimum: 0, maximum: 60_000 },
    payload: {},
  },
} as const;

/** A store is away: the caller may try again. */
class Unavailable extends Error {
  readonly statusCode = 503;

  constructor(what: string, cause: unknown) {
    super(`${what} does not answer; try again`, { cause });
    this.name = "Unavailable";
  }
}

export function registerJobs(app: FastifyInstance, { jobs, queues, metrics }: ApiParts): void {
  app.post<{ Body: Partial<Work> & { queue?: QueueName } }>(
    "/jobs",
    {
      schema: { body: jobSchema },
      // A request without a body asks for the default job.
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async (request, reply) => {
      const id = randomUUID();
      const { queue = "jobs", kind = "sleep", ms = 20, payload = null } = request.body;
      await reach("the database", jobs.insert(id, { kind, ms, payload }));
      try {
        await within(queues[queue].add("work", {}, { jobId: id }), ENQUEUE_TIMEOUT_MS, "queueing");
      } catch (error) {
        await jobs.fail(id, "could not be queued").catch(() => undefined);
        throw new Unavailable("the queue", error);
      }
      metrics.submitted.inc();
      return reply.code(202).header("location", `/jobs/${id}`).send({ id });
    },
  );

  app.get<{ Params: { id: string } }>("/jobs/:id", async (request, reply) => {
    const { id } = request.params;
    const job = UUID.test(id) ? await reach("the database", jobs.find(id)) : undefined;
    if (!job) return reply.code(404).send({ error: "no such job", id });
    const { state, result, worker, runs, completions } = job;
    return { id, state, result, worker, runs, completions };
  });
}

async function reach<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Unavailable(what, error);
  }
}
