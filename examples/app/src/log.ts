// Structured logs: one JSON object a line on standard output, with whatever is sensitive blanked.
import { pino, type DestinationStream, type Logger, type LoggerOptions } from "pino";

import type { Config } from "./config.js";

export type { Logger } from "pino";

const SENSITIVE = ["authorization", "cookie", "password", "token", "secret", "jwt", "apiKey", "accessToken", "refreshToken"];

/** Paths that are blanked wherever they turn up: at the top, one level down, and in the headers of a message. */
export const redactedPaths: readonly string[] = [
  ...SENSITIVE.flatMap((key) => [key, `*.${key}`]),
  ...["authorization", "cookie", '["set-cookie"]', '["x-api-key"]'].flatMap((header) =>
    ["headers", "*.headers"].map((owner) => (header.startsWith("[") ? `${owner}${header}` : `${owner}.${header}`)),
  ),
  // ioredis hangs the failed command on its errors; that of a refused AUTH holds the password.
  "*.command.args",
  "*.previousErrors[*].command.args",
];

/** The query parameters whose values must not be logged, as browsers cannot set headers on a WebSocket. */
const SENSITIVE_QUERY = /([?&](?:access_token|token|jwt|password|secret|api_key)=)[^&#]*/gi;

/** A URL as it may be logged: values of sensitive query parameters are blanked. */
export function safeUrl(url: string): string {
  return url.replace(SENSITIVE_QUERY, "$1[redacted]");
}

/**
 * The logger of a process.
 *
 * @param destination Where lines go; standard output unless a test gives its own.
 */
export function createLogger(
  config: Pick<Config, "logLevel" | "podName" | "role">,
  destination?: DestinationStream,
): Logger {
  const options: LoggerOptions = {
    level: config.logLevel,
    base: { role: config.role, pod: config.podName },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: [...redactedPaths], censor: "[redacted]" },
  };
  return destination ? pino(options, destination) : pino(options);
}
