import assert from "node:assert/strict";
import { test } from "node:test";

import { checksum } from "../src/migrate.js";
import { migrations } from "../src/migrations.js";
import { within } from "../src/process.js";
import { parseMessage } from "../src/rooms.js";
import { doWork } from "../src/work.js";

test("migrations are applied in the order of their ids", () => {
  const ids = migrations.map((migration) => migration.id);
  assert.deepEqual(ids, [...new Set(ids)].sort());
});

test("an edited migration has another checksum", () => {
  const [first] = migrations;
  assert.ok(first);
  assert.notEqual(checksum(first), checksum({ ...first, sql: `${first.sql} ` }));
});

test("what a WebSocket client may say", () => {
  assert.deepEqual(parseMessage('{"type":"join","room":"a"}'), { type: "join", room: "a" });
  assert.deepEqual(parseMessage('{"type":"say","room":"a","data":{"x":1}}'), { type: "say", room: "a", data: { x: 1 } });
  for (const bad of ["", "null", "[]", '"x"', '{"type":"shout","room":"a"}', '{"type":"join"}', '{"type":"join","room":"a b"}']) {
    assert.equal(typeof parseMessage(bad), "string", `${bad} must be refused with a reason`);
  }
});

test("both kinds of work take about as long as asked and return their payload", async () => {
  for (const kind of ["sleep", "cpu"] as const) {
    const result = await doWork({ kind, ms: 40, payload: { a: 1 } }, new AbortController().signal);
    assert.ok(Number(result["tookMs"]) >= 39, `${kind} took ${result["tookMs"]} ms`);
    assert.deepEqual(result["payload"], { a: 1 });
  }
});

test("work stops at once when it is called off", async () => {
  for (const kind of ["sleep", "cpu"] as const) {
    const started = performance.now();
    await assert.rejects(doWork({ kind, ms: 5000, payload: null }, AbortSignal.timeout(50)));
    assert.ok(performance.now() - started < 1000, `${kind} went on`);
  }
});

test("computing leaves the event loop its turns", async () => {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 5);
  await doWork({ kind: "cpu", ms: 200, payload: null }, new AbortController().signal);
  clearInterval(timer);
  assert.ok(turns >= 5, `only ${turns} turns in 200 ms: health checks would time out`);
});

test("a wait that is too long is given up with its name", async () => {
  await assert.rejects(within(new Promise(() => undefined), 20, "redis"), /redis took longer than 20 ms/);
  assert.equal(await within(Promise.resolve(1), 20, "x"), 1);
});
