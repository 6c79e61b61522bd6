import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { closeSchedule, drainServer, planDrain } from "../src/drain.js";

test("sockets are closed in order, one in each slot of the window", () => {
  const schedule = closeSchedule(10, 1000);
  for (const [index, at] of schedule.entries()) {
    assert.ok(at >= index * 100 && at < (index + 1) * 100, `socket ${index} closes at ${at} ms`);
  }
});

test("two pods that drain at the same time do not close in step", () => {
  assert.notDeepEqual(closeSchedule(5, 1000), closeSchedule(5, 1000));
});

test("without sockets there is nothing to schedule", () => {
  assert.deepEqual(closeSchedule(0, 1000), []);
});

for (const budget of [1000, 5000, 30_000, 600_000]) {
  test(`a budget of ${budget} ms leaves time for everything`, () => {
    const plan = planDrain(budget);
    assert.ok(plan.lingerMs < plan.socketWindowMs);
    // Half a second for the last socket's goodbye, and some time to close the stores.
    assert.ok(plan.socketWindowMs < plan.cutOffMs);
    assert.ok(plan.cutOffMs < budget);
  });
}

test("a request in flight finishes, and one on an idle connection is answered while the server lingers", async () => {
  let draining = false;
  const server = http.createServer((request, response) => {
    const reply = (): void => {
      if (draining) response.setHeader("connection", "close");
      response.end("ok");
    };
    setTimeout(reply, request.url === "/slow" ? 300 : 0);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new http.Agent({ keepAlive: true });
  const get = async (path: string): Promise<string | undefined> => {
    const [response] = (await once(http.get({ port, path, agent }), "response")) as [http.IncomingMessage];
    response.resume();
    await once(response, "end");
    return response.headers.connection;
  };
  // Two at once, so that there are two connections: one for the slow request, one that stays idle.
  assert.deepEqual(await Promise.all([get("/fast"), get("/fast")]), ["keep-alive", "keep-alive"]);
  const slow = get("/slow");
  await sleep(50);
  draining = true;
  const drained = drainServer(server, { lingerMs: 500, socketWindowMs: 0, cutOffMs: 2000 });
  assert.equal(await get("/fast"), "close", "the idle connection was still open, and its client is told to leave");
  assert.equal(await slow, "close");
  await drained;
  await assert.rejects(once(http.get({ port, path: "/", agent: new http.Agent() }), "response"), /ECONNREFUSED/);
});

test("a request that never ends is cut off", async () => {
  const server = http.createServer(() => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const hanging = http.get({ port: (server.address() as AddressInfo).port });
  hanging.on("error", () => undefined);
  await once(server, "request");
  const started = performance.now();
  await drainServer(server, { lingerMs: 50, socketWindowMs: 0, cutOffMs: 200 });
  assert.ok(performance.now() - started < 1000);
});
