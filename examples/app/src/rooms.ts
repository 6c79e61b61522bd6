// WebSocket rooms across pods: whatever is said goes through Redis, and every pod tells its own members.
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";

import { closeSchedule } from "./drain.js";
import type { Logger } from "./log.js";
import type { Redis } from "./redis.js";

const CHANNEL = "pxl:rooms";
const ROOM = /^[\w.:-]{1,64}$/;
const MOST_ROOMS = 32;
/** Below the usual 60 s idle timeout of load balancers. */
const HEARTBEAT_MS = 25_000;
/** A client that reads too slowly is let go before it fills the memory. */
const MOST_BUFFERED_BYTES = 1024 * 1024;
/** "Service restart": the client should connect again. */
const CLOSE_RESTART = 1012;

interface Member {
  readonly rooms: Set<string>;
  alive: boolean;
}

export interface Rooms {
  /** Takes over a fresh socket: join, leave, say. */
  accept(socket: WebSocket): void;
  /** Closes every socket with 1012, spread over the window; whoever has not answered at its end is cut off. */
  drain(windowMs: number): Promise<void>;
}

/** What a client may send. */
export type ClientMessage =
  | { readonly type: "join"; readonly room: string }
  | { readonly type: "leave"; readonly room: string }
  | { readonly type: "say"; readonly room: string; readonly data: unknown };

/** A client's message, or the reason why it is none. */
export function parseMessage(raw: string): ClientMessage | string {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return "not JSON";
  }
  if (typeof value !== "object" || value === null) return "not an object";
  const { type, room, data } = value as Record<string, unknown>;
  if (type !== "join" && type !== "leave" && type !== "say") return "type must be join, leave or say";
  if (typeof room !== "string" || !ROOM.test(room)) return "room must be 1 to 64 letters, digits or ._:-";
  return type === "say" ? { type, room, data: data ?? null } : { type, room };
}

export function createRooms(options: { publisher: Redis; subscriber: Redis; podName: string; log: Logger }): Rooms {
  const { publisher, subscriber, podName, log } = options;
  const members = new Map<WebSocket, Member>();
  let draining = false;

  const send = (socket: WebSocket, message: object): void => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MOST_BUFFERED_BYTES) socket.terminate();
    else socket.send(JSON.stringify(message));
  };

  // Queued by the connection until Redis is there, and renewed by it after every reconnect.
  subscriber.subscribe(CHANNEL).catch((error: unknown) => log.warn({ err: error }, "subscription ended"));
  subscriber.on("message", (_channel, raw) => {
    const { room, data, from } = JSON.parse(raw) as { room: string; data: unknown; from: string };
    for (const [socket, member] of members) {
      if (member.rooms.has(room)) send(socket, { type: "message", room, data, from });
    }
  });

  const answer = async (socket: WebSocket, member: Member, message: ClientMessage): Promise<void> => {
    if (message.type === "leave") {
      member.rooms.delete(message.room);
      return send(socket, { type: "left", room: message.room });
    }
    if (message.type === "join") {
      if (member.rooms.size >= MOST_ROOMS) return send(socket, { type: "error", reason: `at most ${MOST_ROOMS} rooms` });
      member.rooms.add(message.room);
      return send(socket, { type: "joined", room: message.room });
    }
    try {
      await publisher.publish(CHANNEL, JSON.stringify({ room: message.room, data: message.data, from: podName }));
    } catch {
      send(socket, { type: "error", reason: "not delivered: Redis does not answer" });
    }
  };

  const heartbeat = setInterval(() => {
    for (const [socket, member] of members) {
      if (!member.alive) socket.terminate();
      member.alive = false;
      socket.ping();
    }
  }, HEARTBEAT_MS);

  return {
    accept(socket) {
      if (draining) return socket.close(CLOSE_RESTART, "restarting");
      const member: Member = { rooms: new Set(), alive: true };
      members.set(socket, member);
      socket.on("pong", () => (member.alive = true));
      socket.on("close", () => members.delete(socket));
      socket.on("message", (raw) => {
        const message = parseMessage(String(raw));
        if (typeof message === "string") send(socket, { type: "error", reason: message });
        else void answer(socket, member, message);
      });
      send(socket, { type: "welcome", pod: podName });
    },

    async drain(windowMs) {
      draining = true;
      clearInterval(heartbeat);
      const sockets = [...members.keys()];
      const schedule = closeSchedule(sockets.length, windowMs);
      const started = performance.now();
      for (const [index, socket] of sockets.entries()) {
        await sleep(Math.max(0, (schedule[index] ?? 0) - (performance.now() - started)));
        socket.close(CLOSE_RESTART, "restarting");
      }
      if (members.size > 0) await sleep(500);
      for (const socket of members.keys()) socket.terminate();
    },
  };
}
