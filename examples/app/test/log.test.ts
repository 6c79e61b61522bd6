import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";

import { createLogger, safeUrl, type Logger } from "../src/log.js";

function capture(write: (log: Logger) => void): string {
  let text = "";
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  write(createLogger({ logLevel: "info", podName: "pod-1", role: "api" }, sink));
  return text;
}

test("a line is one JSON object with level, time, role and pod", () => {
  const line = JSON.parse(capture((log) => log.info({ a: 1 }, "hello"))) as Record<string, unknown>;
  assert.equal(line["level"], "info");
  assert.equal(line["pod"], "pod-1");
  assert.equal(line["role"], "api");
  assert.equal(line["msg"], "hello");
  assert.ok(!Number.isNaN(Date.parse(String(line["time"]))));
});

const hidden = "hunter2-hunter2";
const leaks: Record<string, object> = {
  "a password": { password: hidden },
  "a nested password": { user: { password: hidden } },
  "a token": { body: { token: hidden } },
  "an authorization header": { headers: { authorization: `Bearer ${hidden}` } },
  "a cookie of a request": { req: { headers: { cookie: hidden } } },
  "a cookie of a response": { res: { headers: { "set-cookie": hidden } } },
  "an API key header": { req: { headers: { "x-api-key": hidden } } },
  "a refused AUTH of Redis": { err: Object.assign(new Error("WRONGPASS"), { command: { name: "auth", args: [hidden] } }) },
};

for (const [what, object] of Object.entries(leaks)) {
  test(`${what} is blanked`, () => {
    const text = capture((log) => log.info(object, "x"));
    assert.ok(!text.includes(hidden), text);
    assert.ok(text.includes("[redacted]"), text);
  });
}

test("what is not sensitive stays", () => {
  assert.ok(capture((log) => log.info({ user: { name: "alice" } }, "x")).includes("alice"));
});

test("sensitive query parameters are blanked, the others stay", () => {
  assert.equal(safeUrl("/ws?room=a&token=abc&x=1"), "/ws?room=a&token=[redacted]&x=1");
  assert.equal(safeUrl("/ws?access_token=abc"), "/ws?access_token=[redacted]");
  assert.equal(safeUrl("/jobs/1?broken=1"), "/jobs/1?broken=1");
});
