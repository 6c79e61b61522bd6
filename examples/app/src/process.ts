// What every process does around its main function: configuration first, then a logger, then nothing unexplained.
import { isClusterWorker, runPrimary } from "./cluster.js";
import { ConfigError, loadConfig, type Config, type Role } from "./config.js";
import { createLogger, type Logger } from "./log.js";

/** The exit code for a configuration error (EX_CONFIG of sysexits.h): restarting will not help. */
const EXIT_CONFIG = 78;

/** Loads the configuration, then runs `main`; a mistake in the environment ends the process with every problem listed. */
export function start(role: Role, main: (config: Config, log: Logger) => Promise<void>): void {
  let config: Config;
  try {
    config = loadConfig(process.env, role);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const log = createLogger({ logLevel: "info", podName: process.env["POD_NAME"] ?? "unknown", role });
    log.fatal({ problems: error.problems }, "configuration refused: correct these environment variables");
    process.exitCode = EXIT_CONFIG;
    return;
  }
  const log = createLogger(config);
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, "process failed");
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  if (config.clusterWorkers > 0 && !isClusterWorker) runPrimary(config.clusterWorkers, log);
  else main(config, log).catch(crash);
}

/** Rejects when `work` takes longer; the work itself is not stopped. */
export async function within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
