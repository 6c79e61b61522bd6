import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const modules = new URL("../src/", import.meta.url);

/** A process that forks one worker, which says what it is and what it hears. */
const program = `
  import { isClusterWorker, runPrimary } from "${modules.href}cluster.js";
  import { exitGracefully } from "${modules.href}drain.js";
  const log = { info() {}, warn() {}, error: console.error, fatal() {} };
  const config = { handlesSignals: false, gracefulTimeoutMs: 5000 };
  if (!isClusterWorker) runPrimary(1, log);
  else {
    exitGracefully(log, config, async () => { console.log("draining"); });
    console.log("worker", process.pid);
    setInterval(() => {}, 1000);
  }
`;

async function started(): Promise<{ child: ReturnType<typeof spawn>; said: string[]; worker: number }> {
  const file = join(await mkdtemp(join(tmpdir(), "cluster-")), "program.mjs");
  await writeFile(file, program);
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => said.push(...String(chunk).trim().split("\n")));
  for (let waited = 0; said.length === 0 && waited < 10_000; waited += 20) await sleep(20);
  return { child, said, worker: Number(said[0]?.split(" ")[1]) };
}

test("in cluster mode the primary hands SIGTERM on, and the worker drains without a handler of its own", async () => {
  const { child, said } = await started();
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  assert.ok(said.includes("draining"), `the worker must have drained: ${said.join()}`);
});

test("a worker that ends by itself ends the process, so that the platform starts it again", async () => {
  const { child, worker } = await started();
  process.kill(worker, "SIGKILL");
  const [code] = await once(child, "exit");
  assert.equal(code, 1);
});
