import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigError, loadConfig, type Environment } from "../src/config.js";

const secret = "not-for-anyones-eyes-0123456789abcdef";
const good: Environment = {
  DB_HOST: "db",
  DB_USERNAME: "pxl",
  DB_PASSWORD: secret,
  DB_DATABASE_NAME: "pxl",
  REDIS_HOST: "redis",
  REDIS_PASSWORD: secret,
  JWT_SECRET: secret,
};

function problems(env: Environment, role: "api" | "worker" | "script" = "api"): readonly string[] {
  try {
    loadConfig(env, role);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

test("what is not set has the documented default", () => {
  const config = loadConfig(good, "api");
  assert.equal(config.port, 3000);
  assert.equal(config.host, "0.0.0.0");
  assert.equal(config.logLevel, "info");
  assert.equal(config.gracefulTimeoutMs, 30_000);
  assert.equal(config.database.port, 5432);
  assert.equal(config.redis.port, 6379);
  assert.equal(config.imageDigest, "unknown");
});

test("every mistake is reported, not just the first", () => {
  const found = problems({ PORT: "x", LOG_LEVEL: "loud", QUEUE_CONCURRENCY: "0", JWT_SECRET: "short" });
  for (const name of ["PORT", "LOG_LEVEL", "QUEUE_CONCURRENCY", "DB_HOST", "DB_PASSWORD", "REDIS_HOST", "JWT_SECRET"]) {
    assert.ok(found.some((problem) => problem.startsWith(name)), `${name} is missing in ${found.join(" | ")}`);
  }
});

test("a worker takes jobs from every queue, or from those that it is told", () => {
  assert.deepEqual(loadConfig(good, "worker").queues, ["jobs", "reports"]);
  assert.deepEqual(loadConfig({ ...good, QUEUES: "reports,reports" }, "worker").queues, ["reports"]);
  assert.deepEqual(problems({ ...good, QUEUES: "jobs,mail" }, "worker"), ["QUEUES names mail: there are jobs, reports"]);
});

test("an empty variable counts as not set", () => {
  assert.deepEqual(problems({ ...good, DB_HOST: "" }), ["DB_HOST is not set"]);
  assert.equal(loadConfig({ ...good, REDIS_PASSWORD: "" }, "api").redis.password, undefined);
});

for (const [name, value] of [
  ["PORT", "0"],
  ["PORT", "65536"],
  ["PORT", "3000.5"],
  ["PORT", "-1"],
  ["PORT", "0x50"],
  ["PORT", " 80"],
  ["DB_PORT", "postgres"],
  ["GRACEFUL_TIMEOUT_MS", "30s"],
  ["GRACEFUL_TIMEOUT_MS", "10"],
  ["DB_POOL_SIZE", "1"],
  ["NODE_ENV", "prod"],
  ["LOG_LEVEL", "INFO"],
  ["PGSSLMODE", "on"],
  ["NODE_EXTRA_CA_CERTS", "/does/not/exist.pem"],
] as const) {
  test(`${name}=${JSON.stringify(value)} is refused`, () => {
    const found = problems({ ...good, [name]: value });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", new RegExp(`^${name} `));
  });
}

test("a service link of Kubernetes is called that", () => {
  assert.match(problems({ ...good, REDIS_PORT: "tcp://10.0.0.1:6379" })[0] ?? "", /enableServiceLinks/);
});

test("no secret is ever in a message", () => {
  const short = "short-secret";
  const found = problems({ ...good, JWT_SECRET: short, JWT_SECRET_PREVIOUS: short, PORT: "x" });
  assert.equal(found.length, 3);
  assert.ok(!found.join().includes(short));
  assert.ok(!found.join().includes(secret));
});

test("a script needs the database only, a worker no signing key", () => {
  const { REDIS_HOST: _redis, JWT_SECRET: _jwt, ...database } = good;
  assert.deepEqual(problems(database, "script"), []);
  assert.deepEqual(problems(database, "worker"), ["REDIS_HOST is not set"]);
});

test("the previous key is accepted after the current one", () => {
  const previous = secret.toUpperCase();
  assert.deepEqual(loadConfig({ ...good, JWT_SECRET_PREVIOUS: previous }, "api").jwtKeys, [secret, previous]);
});

test("cluster mode is asked for with the framework's own names, and off without them", () => {
  assert.equal(loadConfig(good, "api").clusterWorkers, 0);
  assert.equal(loadConfig({ ...good, PXL_CLUSTER_ENABLED: "true" }, "api").clusterWorkers, 1);
  assert.equal(loadConfig({ ...good, PXL_CLUSTER_ENABLED: "true", PXL_CLUSTER_WORKERS: "3" }, "api").clusterWorkers, 3);
  assert.equal(loadConfig({ ...good, PXL_CLUSTER_WORKERS: "3" }, "api").clusterWorkers, 0);
});
