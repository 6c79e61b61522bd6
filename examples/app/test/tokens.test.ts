import assert from "node:assert/strict";
import { test } from "node:test";
import { SignJWT } from "jose";

import { Unauthorized, bearerToken, verifyToken } from "../src/tokens.js";

const current = "current-key-0123456789-0123456789";
const previous = "previous-key-0123456789-0123456789";

function sign(key: string, expires: string | number = "5m", alg = "HS256"): Promise<string> {
  return new SignJWT({}).setProtectedHeader({ alg }).setSubject("alice").setExpirationTime(expires).sign(new TextEncoder().encode(key));
}

test("a token of the current and of the previous key is accepted", async () => {
  for (const key of [current, previous]) {
    assert.equal((await verifyToken(await sign(key), [current, previous])).sub, "alice");
  }
});

test("after the grace period the previous key is refused", async () => {
  await assert.rejects(verifyToken(await sign(previous), [current]), /not valid/);
});

test("an expired token is refused with that reason", async () => {
  await assert.rejects(verifyToken(await sign(current, 1), [current, previous]), /expired/);
});

test("another algorithm is refused even with the right key", async () => {
  await assert.rejects(verifyToken(await sign(current.repeat(2), "5m", "HS512"), [current.repeat(2)]), Unauthorized);
});

test("an unsigned token is refused", async () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  await assert.rejects(verifyToken(`${part({ alg: "none" })}.${part({ sub: "alice" })}.`, [current]), Unauthorized);
});

for (const header of [undefined, "", "Basic abc", "Bearer", "Bearer a b"]) {
  test(`the header ${JSON.stringify(header)} is no bearer token`, () => {
    assert.throws(() => bearerToken(header), Unauthorized);
  });
}
