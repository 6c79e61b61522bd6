// How much waits in BullMQ's queues and for how long, as Prometheus metrics. Runs by Node alone, in any image that has
// it: QUEUES (names, separated by commas), QUEUE_PREFIX, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, HOST, PORT.
//
// A queue that Redis does not know has no numbers here: a 0 would tell an autoscaler that there is nothing to do, when
// it was only asked for by a wrong name.
import { createServer } from "node:http";
import { connect } from "node:net";

const env = process.env;
const queues = (env.QUEUES ?? "").split(",").filter(Boolean);
const prefix = env.QUEUE_PREFIX || "bull";
const REDIS_TIMEOUT_MS = 2000;
// Prometheus and an autoscaler ask at the same moment: one look at Redis serves both.
const FRESH_MS = 500;
const CLOCKS_APART_MS = 60_000;
// Jobs come in on the left and are taken from the right, but those that are put back, or are to be done at once, go to
// the right: the oldest is at one of the two ends.
const ENDS = [["0", "1"], ["-2", "-1"]];
const PRIORITY_FACTOR = 2 ** 32; // a prioritized job's score is its priority times this, plus its number

const COUNTS = {
  waiting: ["LLEN", "wait"],
  prioritized: ["ZCARD", "prioritized"],
  active: ["LLEN", "active"],
  delayed: ["ZCARD", "delayed"],
  paused: ["LLEN", "paused"],
  failed: ["ZCARD", "failed"],
};
// Any of these exists once a queue has been opened by its producer, or has had a job.
const SIGNS = ["meta", "id", "wait", "active", "prioritized", "delayed", "paused", "completed", "failed"];

/** What Redis itself answers with: the connection is sound. */
class Refusal extends Error {}

/** Reads one reply of RESP 2 from `data` at `at`: [value, end], or undefined while it is not all there. */
function parse(data, at) {
  if (at >= data.length) return undefined;
  const end = data.indexOf("\r\n", at);
  if (end < 0) return undefined;
  const line = data.toString("utf8", at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(data[at])) {
    case "+":
      return [line, next];
    case "-":
      return [new Refusal(`Redis answers: ${line}`), next];
    case ":":
      return [Number(line), next];
    case "$": {
      const length = Number(line);
      if (length < 0) return [null, next];
      if (data.length < next + length + 2) return undefined;
      return [data.toString("utf8", next, next + length), next + length + 2];
    }
    case "*": {
      const items = [];
      let place = next;
      for (let left = Number(line); left > 0; left -= 1) {
        const item = parse(data, place);
        if (!item) return undefined;
        items.push(item[0]);
        place = item[1];
      }
      return [items, place];
    }
    default:
      throw new Error("what answers there is no Redis");
  }
}

/** Sends commands at once over the socket; resolves with their replies in order, and rejects if one is an error. */
function ask(socket, commands) {
  return new Promise((resolve, reject) => {
    const replies = [];
    let data = Buffer.alloc(0);
    const settle = (outcome, value) => {
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
      outcome(value);
    };
    const listeners = {
      timeout: () => settle(reject, new Error(`no answer within ${REDIS_TIMEOUT_MS} ms`)),
      error: (error) => settle(reject, error),
      close: () => settle(reject, new Error("the connection was closed")),
      data: (chunk) => {
        data = Buffer.concat([data, chunk]);
        try {
          for (let found = parse(data, 0); found; found = parse(data, 0)) {
            replies.push(found[0]);
            data = data.subarray(found[1]);
          }
        } catch (error) {
          settle(reject, error);
          return;
        }
        if (replies.length < commands.length) return;
        const refused = replies.find((reply) => reply instanceof Refusal);
        if (refused) settle(reject, refused);
        else settle(resolve, replies);
      },
    };
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    const bulk = (word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
    socket.write(commands.map((words) => `*${words.length}\r\n${words.map(bulk).join("")}`).join(""));
  });
}

/** What there is to tell of one queue: undefined if Redis does not know it. */
async function measure(socket, queue) {
  const key = (name) => `${prefix}:${queue}:${name}`;
  const counts = Object.values(COUNTS).map(([command, name]) => [command, key(name)]);
  const [found, halted, ...answers] = await ask(socket, [
    ["EXISTS", ...SIGNS.map(key)],
    ["HEXISTS", key("meta"), "paused"],
    ...counts,
    ...ENDS.flatMap((range) => [["LRANGE", key("wait"), ...range], ["LRANGE", key("paused"), ...range]]),
    ["ZRANGE", key("prioritized"), "0", "1"],
    ["ZRANGE", key("prioritized"), "-1", "-1", "WITHSCORES"],
  ]);
  if (found === 0) return undefined;
  const ids = answers.splice(counts.length);
  const [, leastUrgent] = ids.pop();
  const candidates = new Set([...ids.flat(), ...(await oldestOfTheLeastUrgent(socket, key("prioritized"), leastUrgent))]);
  const jobs = Object.fromEntries(Object.keys(COUNTS).map((state, number) => [state, answers[number]]));
  // BullMQ 5 moves the jobs of a paused queue away, 6 leaves them where they are: either way no worker gets them.
  if (halted) Object.assign(jobs, { paused: jobs.paused + jobs.waiting + jobs.prioritized, waiting: 0, prioritized: 0 });
  const waits = jobs.waiting + jobs.prioritized + jobs.paused > 0;
  return { jobs, oldestSeconds: waits ? await oldest(socket, [...candidates].map(key)) : 0 };
}

/** Jobs of the lowest priority may starve: of these, the first is the oldest. */
async function oldestOfTheLeastUrgent(socket, key, score) {
  if (score === undefined) return [];
  const least = Math.floor(Number(score) / PRIORITY_FACTOR) * PRIORITY_FACTOR;
  const [ids] = await ask(socket, [["ZRANGEBYSCORE", key, String(least), "+inf", "LIMIT", "0", "1"]]);
  return ids;
}

/** How long the oldest of these jobs waits, undefined if that cannot be told. A delay that was asked for is no waiting. */
async function oldest(socket, keys) {
  if (keys.length === 0) return undefined;
  const jobs = await ask(socket, keys.map((key) => ["HMGET", key, "timestamp", "opts"]));
  const now = Date.now();
  // One that was taken and removed meanwhile has no hash, and one that was promoted by hand is due in the future.
  const since = jobs
    .filter(([timestamp]) => timestamp)
    .map(([timestamp, opts]) => Number(timestamp) + delay(opts))
    .filter((due) => due <= now + CLOCKS_APART_MS);
  return since.length === 0 ? undefined : Math.max(0, (now - Math.min(...since)) / 1000);
}

function delay(opts) {
  try {
    return Number(JSON.parse(opts).delay) || 0;
  } catch {
    return 0;
  }
}

/** A server without a password refuses one; the app's client takes that for a yes. */
async function authenticate(socket) {
  await ask(socket, [["AUTH", env.REDIS_PASSWORD]]).catch((error) => {
    if (!/without any password configured/.test(error.message)) throw error;
  });
}

/** Somebody else's key under a queue's name takes away the numbers of that queue alone. */
function unreadable(queue, error) {
  if (!(error instanceof Refusal) || !/WRONGTYPE/.test(error.message)) throw error;
  log("error", "the queue's keys are not those of BullMQ", { queue, why: error.message });
  return undefined;
}

async function look() {
  const socket = connect({ host: env.REDIS_HOST, port: Number(env.REDIS_PORT ?? 6379) });
  socket.setTimeout(REDIS_TIMEOUT_MS);
  // Between two questions nobody listens, and an error that nobody hears ends the process.
  socket.on("error", () => {});
  try {
    if (env.REDIS_PASSWORD) await authenticate(socket);
    const found = new Map();
    for (const queue of queues) found.set(queue, await measure(socket, queue).catch((error) => unreadable(queue, error)));
    return found;
  } finally {
    socket.destroy();
  }
}

const METRICS = {
  bullmq_up: "Whether Redis answered.",
  bullmq_queue_found: "Whether the queue is in Redis, as BullMQ keeps it; if not, it has no other numbers.",
  bullmq_job_count: "Jobs in the queue, by BullMQ's state.",
  bullmq_oldest_job_age_seconds: "Since when the oldest job waits that is in no worker's hands, a retry since its first try; 0 when none waits.",
};

function text(found) {
  const samples = { bullmq_up: [["", found ? 1 : 0]] };
  const add = (name, labels, value) => (samples[name] ??= []).push([labels, value]);
  for (const [queue, told] of found ?? []) {
    const label = `queue="${queue}"`;
    add("bullmq_queue_found", `{${label}}`, told ? 1 : 0);
    if (!told) continue;
    for (const [state, count] of Object.entries(told.jobs)) add("bullmq_job_count", `{${label},state="${state}"}`, count);
    if (told.oldestSeconds !== undefined) add("bullmq_oldest_job_age_seconds", `{${label}}`, told.oldestSeconds);
  }
  return Object.entries(samples)
    .map(([name, values]) => {
      const lines = values.map(([labels, value]) => `${name}${labels} ${value}\n`).join("");
      return `# HELP ${name} ${METRICS[name]}\n# TYPE ${name} gauge\n${lines}`;
    })
    .join("");
}

function log(level, message, more = {}) {
  process.stdout.write(`${JSON.stringify({ level, time: new Date().toISOString(), msg: message, ...more })}\n`);
}

let answered = true;
let latest = { at: 0, result: Promise.resolve(undefined) };

/** Never fails: without Redis there is nothing to tell but that. */
function current() {
  if (Date.now() - latest.at < FRESH_MS) return latest.result;
  const result = look().then(
    (found) => {
      if (!answered) log("info", "Redis answers again");
      answered = true;
      return found;
    },
    (error) => {
      if (answered) log("error", "Redis does not answer", { why: error.message });
      answered = false;
      return undefined;
    },
  );
  latest = { at: Date.now(), result };
  return result;
}

const server = createServer(async (request, response) => {
  if (request.url === "/healthz") {
    response.end("ok\n");
  } else if (request.url === "/metrics") {
    const found = await current();
    response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.end(text(found));
  } else {
    response.writeHead(404).end("there is /metrics, and /healthz\n");
  }
});
server.listen(Number(env.PORT ?? 9465), env.HOST ?? "0.0.0.0", () => {
  log("info", "telling about queues", { queues, prefix, port: server.address().port });
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
