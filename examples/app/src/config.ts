// Everything the processes take from their environment, parsed and checked once, before anything is opened.
import { accessSync, constants } from "node:fs";
import { hostname } from "node:os";

import { QUEUE_NAMES, type QueueName } from "./queue-names.js";

/** What a process needs: the API everything, a worker no JWT key, a script only the database. */
export type Role = "api" | "worker" | "script";

export interface DatabaseConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Connections this process may hold open, the health check's included. */
  readonly poolSize: number;
}

export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly password: string | undefined;
}

export interface Config {
  readonly role: Role;
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly nodeEnv: string;
  /** From SIGTERM to exit, in milliseconds; the pod's grace period must be longer. */
  readonly gracefulTimeoutMs: number;
  /** How long a silent connection is kept: longer than the load balancer in front keeps it. */
  readonly keepAliveTimeoutMs: number;
  /** Processes of Node cluster; 0 for a single process. */
  readonly clusterWorkers: number;
  /** Whether a single process hears SIGTERM; false imitates an app that leaves that to cluster mode. */
  readonly handlesSignals: boolean;
  readonly imageDigest: string;
  readonly podName: string;
  readonly queueConcurrency: number;
  /** The queues that a worker takes jobs from. */
  readonly queues: readonly QueueName[];
  readonly database: DatabaseConfig;
  readonly redis: RedisConfig;
  /** Keys a token may be signed with: the current one, then the previous one while it is in its grace period. */
  readonly jwtKeys: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** All that is wrong with the environment, in one go. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`configuration refused: ${problems.join("; ")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const NODE_ENVS = ["development", "test", "staging", "production"] as const;
const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"] as const;
const SHORTEST_JWT_KEY = 32;

/** Reads variables one by one and remembers every mistake instead of stopping at the first. */
class Reader {
  readonly problems: string[] = [];

  constructor(private readonly env: Environment) {}

  text(name: string, fallback?: string): string {
    const value = this.optional(name) ?? fallback;
    if (value === undefined) this.problems.push(`${name} is not set`);
    return value ?? "";
  }

  optional(name: string): string | undefined {
    const value = this.env[name];
    return value === undefined || value === "" ? undefined : value;
  }

  integer(name: string, limits: { min: number; max: number; fallback: number }): number {
    const value = this.optional(name);
    if (value === undefined) return limits.fallback;
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < limits.min || number > limits.max) {
      // Kubernetes sets REDIS_PORT itself for a Service named redis, unless told not to.
      const hint = value.startsWith("tcp://") ? " (a service link of Kubernetes: set enableServiceLinks: false)" : "";
      this.problems.push(
        `${name} must be a whole number from ${limits.min} to ${limits.max}, not ${JSON.stringify(value)}${hint}`,
      );
      return limits.fallback;
    }
    return number;
  }

  oneOf(name: string, choices: readonly string[], fallback: string): string {
    const value = this.optional(name) ?? fallback;
    if (!choices.includes(value)) {
      this.problems.push(`${name} must be one of ${choices.join(", ")}, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  /** A signing key: its length is checked, its value is never shown. */
  key(name: string, required: boolean): string | undefined {
    const value = required ? this.text(name) : this.optional(name);
    if (value && value.length < SHORTEST_JWT_KEY) {
      this.problems.push(`${name} is too short: HS256 needs at least ${SHORTEST_JWT_KEY} characters`);
    }
    return value;
  }
}

/**
 * Turns the environment into a checked configuration.
 *
 * @throws ConfigError with every problem found; no value of a secret is in it.
 */
export function loadConfig(env: Environment, role: Role): Config {
  const read = new Reader(env);
  const config: Config = {
    role,
    host: read.text("HOST", "0.0.0.0"),
    port: read.integer("PORT", { min: 1, max: 65535, fallback: 3000 }),
    logLevel: read.oneOf("LOG_LEVEL", LOG_LEVELS, "info"),
    nodeEnv: read.oneOf("NODE_ENV", NODE_ENVS, "development"),
    gracefulTimeoutMs: read.integer("GRACEFUL_TIMEOUT_MS", { min: 1000, max: 3_600_000, fallback: 30_000 }),
    keepAliveTimeoutMs: read.integer("KEEP_ALIVE_TIMEOUT_MS", { min: 1000, max: 4_100_000, fallback: 72_000 }),
    clusterWorkers: readClusterWorkers(read),
    handlesSignals: read.oneOf("HANDLE_SIGNALS", ["true", "false"], "true") === "true",
    imageDigest: read.text("IMAGE_DIGEST", "unknown"),
    podName: read.text("POD_NAME", hostname()),
    queueConcurrency: read.integer("QUEUE_CONCURRENCY", { min: 1, max: 1000, fallback: 5 }),
    queues: readQueues(read),
    database: readDatabase(read),
    redis: role === "script" ? { host: "", port: 6379, password: undefined } : readRedis(read),
    jwtKeys: role === "api" ? readJwtKeys(read) : [],
  };
  checkTls(read);
  if (read.problems.length > 0) throw new ConfigError(read.problems);
  return config;
}

/** The framework's own names; its scripts never fork. */
function readClusterWorkers(read: Reader): number {
  const enabled = read.oneOf("PXL_CLUSTER_ENABLED", ["true", "false"], "false") === "true";
  const workers = read.integer("PXL_CLUSTER_WORKERS", { min: 1, max: 64, fallback: 1 });
  return enabled ? workers : 0;
}

function readQueues(read: Reader): readonly QueueName[] {
  const names = read.text("QUEUES", QUEUE_NAMES.join(",")).split(",");
  const known = (name: string): name is QueueName => (QUEUE_NAMES as readonly string[]).includes(name);
  const unknown = names.filter((name) => !known(name));
  if (unknown.length > 0) read.problems.push(`QUEUES names ${unknown.join(", ")}: there are ${QUEUE_NAMES.join(", ")}`);
  return [...new Set(names.filter(known))];
}

function readDatabase(read: Reader): DatabaseConfig {
  return {
    host: read.text("DB_HOST"),
    port: read.integer("DB_PORT", { min: 1, max: 65535, fallback: 5432 }),
    user: read.text("DB_USERNAME"),
    password: read.text("DB_PASSWORD"),
    database: read.text("DB_DATABASE_NAME"),
    poolSize: read.integer("DB_POOL_SIZE", { min: 2, max: 1000, fallback: 10 }),
  };
}

function readRedis(read: Reader): RedisConfig {
  return {
    host: read.text("REDIS_HOST"),
    port: read.integer("REDIS_PORT", { min: 1, max: 65535, fallback: 6379 }),
    password: read.optional("REDIS_PASSWORD"),
  };
}

function readJwtKeys(read: Reader): readonly string[] {
  const keys = [read.key("JWT_SECRET", true), read.key("JWT_SECRET_PREVIOUS", false)];
  return keys.filter((key): key is string => Boolean(key));
}

/** `pg` and Node read these two by themselves; a mistake in them would only show as an obscure connection error. */
function checkTls(read: Reader): void {
  const mode = read.optional("PGSSLMODE");
  if (mode !== undefined) read.oneOf("PGSSLMODE", SSL_MODES, mode);
  const authorities = read.optional("NODE_EXTRA_CA_CERTS");
  if (authorities === undefined) return;
  try {
    accessSync(authorities, constants.R_OK);
  } catch {
    read.problems.push(`NODE_EXTRA_CA_CERTS names a file that cannot be read: ${authorities}`);
  }
}
