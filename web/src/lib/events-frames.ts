//! The messages of `GET /v1/rooms/{room}/events`, subprotocol `spillway.v1.json`, checked. Pure.

import { type Delivery, type JoinAnswer, joinAnswer, list, record, text } from "./api";

/** How many watch, by which path. Identities, not connections. */
export interface Presence {
  interactive: number;
  broadcast: number;
  total: number;
  peak: number;
}

/** The place that a connection has reached, to go on from there. */
export interface Position {
  epoch: string;
  offset: number;
}

/** Whom the room moves to a seat that is free: whoever asks for it, everybody in turn, or nobody. */
export type Promote = "ask" | "auto" | "never";

export type ServerFrame =
  /** `sid` is the id to report under. */
  | { type: "welcome"; position: Position; presence: Presence; identity: string; sid: string; promote: Promote | null }
  | { type: "events"; offset: number; events: unknown[] }
  | { type: "presence"; presence: Presence }
  /** The viewer is to watch so from now on. `answer`: a join's answer; without one the viewer joins to be told where. */
  | { type: "delivery"; delivery: Delivery; answer: JoinAnswer | null; sentence: string };

export type ClientFrame =
  | { type: "watching"; delivery: Delivery; state: "playing" | "paused" | "stalled" | "stopped" }
  | { type: "seat"; want: boolean };

/** The checked form of a message; `null` for one of a later version, or none. */
export function serverFrame(data: unknown): ServerFrame | null {
  let fields: Record<string, unknown>;
  try {
    fields = record(JSON.parse(text(data)));
  } catch {
    return null;
  }
  switch (fields.type) {
    case "snapshot":
    case "resumed":
      return {
        type: "welcome",
        position: { epoch: text(fields.epoch), offset: count(fields.offset) },
        presence: presenceOf(fields.presence),
        identity: text(record(fields.you).identity),
        sid: text(record(fields.you).sid),
        promote: promoteOf(fields.room),
      };
    case "events":
      return { type: "events", offset: count(fields.offset), events: list(fields.events) };
    case "presence":
      return { type: "presence", presence: presenceOf(fields) };
    case "delivery": {
      const delivery = fields.delivery;
      if (delivery !== "interactive" && delivery !== "broadcast") return null;
      return { type: "delivery", delivery, answer: joinAnswer(fields.answer), sentence: text(fields.detail) };
    }
    default:
      return null;
  }
}

/** Whom a room moves to its seats, as its state says; `null`: it does not say. */
export function promoteOf(room: unknown): Promote | null {
  const { promote } = record(record(room).audience);
  return promote === "ask" || promote === "auto" || promote === "never" ? promote : null;
}

/**
 * The wait before attempt `attempt` (from 0) to connect again, milliseconds: up to a second, doubling to half a minute.
 * `chance`, 0 to 1, spreads it over its upper half.
 */
export function reconnectMs(attempt: number, chance: number, retryAfterMs: number | null): number {
  const most = Math.min(30_000, 1_000 * 2 ** Math.min(attempt, 10));
  return (retryAfterMs ?? 0) + most * (0.5 + chance / 2);
}

/** The socket's URL at the place that an earlier connection reached. */
export function resumeUrl(url: string, base: string, position: Position | null): string {
  const full = new URL(url, base);
  full.protocol = full.protocol.replace("http", "ws");
  if (position) {
    full.searchParams.set("epoch", position.epoch);
    full.searchParams.set("offset", String(position.offset));
  }
  return full.href;
}

function presenceOf(value: unknown): Presence {
  const fields = record(value);
  const [interactive, broadcast] = [count(fields.interactive), count(fields.broadcast)];
  return { interactive, broadcast, total: count(fields.total) || interactive + broadcast, peak: count(fields.peak) };
}

const count = (value: unknown) => (typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0);
