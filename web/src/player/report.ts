//! Reports of this page's player, as event reports of CMCD version 2 (CTA-5004-B): a pure machine.
//!
//! The player's state and the time come in, the next report comes out: with each change of state, with errors, and every half
//! minute, at most one a second. No clock, no network. Driven by `reporting.ts`.

import type { Path } from "./handover";
import type { Snapshot } from "./snapshot";

/** `sta` of the standard: starting, playing, rebuffering, paused, ended, waiting for the viewer's click (preloading). */
export type PlayState = "s" | "p" | "r" | "a" | "e" | "d";

/** The player's state, by either path. */
export interface Playing {
  /** `null`: there is nothing to play. */
  sta: PlayState | null;
  path: Path | null;
  /** While `sta` is `r`: for how long already, milliseconds. */
  stalledMs: number;
  /** Freezes that a seat's connection has counted itself, and how long they were. The broadcast has none. */
  freezes: number;
  frozenMs: number;
  /** Bit rate of what plays, kilobits a second. */
  kbps: number | null;
  /** From the camera to the screen, milliseconds. */
  latencyMs: number | null;
}

export interface Reporting {
  /** The state reported last; `q`: that the viewer left. */
  told: PlayState | "q" | null;
  sta: PlayState | null;
  /** The number of the next report. */
  sn: number;
  sentAtMs: number;
  /** When the next report is due though nothing changes. */
  nextAtMs: number;
  /** The first interval, from when something begins to play, milliseconds. */
  firstMs: number;
  startedAtMs: number | null;
  /** From the wish to play to the first picture, milliseconds. */
  startupMs: number | null;
  isStartupTold: boolean;
  stalls: number;
  /** All stalls but the present one. */
  stalledMs: number;
  stalledSinceMs: number | null;
  /** As the present seat counts them. */
  freezes: number;
  frozenMs: number;
  errors: string[];
}

/** A picture that stands still for so long has stalled: parts come five times a second, and so do observations. */
const STALL_MS = 500;
const INTERVAL_MS = 30_000;
const PAUSE_MS = 1_000;
/** Errors that await a report; further ones are left out. */
const ERRORS_MAX = 8;

/** `chance`, 0 to 1, spreads the first interval, so that a crowd that came together does not report together. */
export function initialReporting(chance: number): Reporting {
  return {
    told: null, sta: null, sn: 0, sentAtMs: Number.NEGATIVE_INFINITY, nextAtMs: Number.POSITIVE_INFINITY, firstMs: INTERVAL_MS * (0.5 + chance / 2),
    startedAtMs: null, startupMs: null, isStartupTold: false,
    stalls: 0, stalledMs: 0, stalledSinceMs: null, freezes: 0, frozenMs: 0, errors: [],
  };
}

/** The player's state, from the page's. `seat` comes from its connection; the broadcast's picture has stood still for `stalledMs`. */
export function playingOf(
  shot: Snapshot,
  path: Path | null,
  seat: { kbps: number | null; freezes: number; frozenMs: number } | null,
  stalledMs: number,
  latencySeconds: number | null,
): Playing {
  const bitrate = shot.renditions[shot.playing]?.bitrate;
  return {
    sta: stateOf(shot, stalledMs > STALL_MS),
    path,
    stalledMs,
    freezes: seat?.freezes ?? 0,
    frozenMs: seat?.frozenMs ?? 0,
    kbps: seat ? seat.kbps : bitrate === undefined ? null : bitrate / 1000,
    latencyMs: latencySeconds === null ? null : latencySeconds * 1000,
  };
}

function stateOf({ phase, paused, blocked }: Snapshot, hasStalled: boolean): PlayState | null {
  switch (phase) {
    case "connecting":
      return "s";
    case "reconnecting":
      return "r";
    case "playing":
      return blocked ? "d" : paused ? "a" : hasStalled ? "r" : "p";
    case "waiting":
    case "ended":
    case "unsupported":
    case "parked":
      return null;
  }
}

/** Notes an error, by its word. */
export function noteError(state: Reporting, word: string): Reporting {
  return state.errors.length < ERRORS_MAX ? { ...state, errors: [...state.errors, word] } : state;
}

/** Follows the player. */
export function observe(state: Reporting, playing: Playing, nowMs: number): Reporting {
  return { ...state, sta: playing.sta, ...startup(state, playing.sta, nowMs), ...stalls(state, playing, nowMs) };
}

function startup({ startedAtMs, startupMs }: Reporting, sta: PlayState | null, nowMs: number): Pick<Reporting, "startedAtMs" | "startupMs"> {
  if (startupMs !== null) return { startedAtMs, startupMs };
  // A viewer who waits for a broadcast to begin, or for their own click, has not started.
  if (sta !== "s" && sta !== "p") return { startedAtMs: null, startupMs };
  const since = startedAtMs ?? nowMs;
  return { startedAtMs: since, startupMs: sta === "p" ? nowMs - since : null };
}

function stalls(state: Reporting, { sta, stalledMs, freezes, frozenMs }: Playing, nowMs: number): Partial<Reporting> {
  const grown = (now: number, before: number) => Math.max(0, now - before);
  const seat = {
    stalls: state.stalls + grown(freezes, state.freezes),
    stalledMs: state.stalledMs + grown(frozenMs, state.frozenMs),
    freezes,
    frozenMs,
  };
  if (sta === "r") {
    if (state.stalledSinceMs !== null) return seat;
    return { ...seat, stalls: seat.stalls + 1, stalledSinceMs: nowMs - stalledMs };
  }
  if (state.stalledSinceMs === null) return seat;
  return { ...seat, stalledMs: seat.stalledMs + nowMs - state.stalledSinceMs, stalledSinceMs: null };
}

/** The report that is due, if one is. `sid` and `cid` name the session and the room. */
export function report(state: Reporting, playing: Playing, sid: string, cid: string, nowMs: number): { state: Reporting; line: string | null } {
  const begins = state.told === null || state.told === "q" || state.told === "e";
  const sta = state.sta ?? (begins ? null : "e");
  const event = sta !== null && sta !== state.told ? "ps" : state.errors.length > 0 ? "e" : sta !== null && nowMs >= state.nextAtMs ? "t" : null;
  if (event === null || nowMs - state.sentAtMs < PAUSE_MS) return { state, line: null };
  const line = encode(state, event, sta, playing, sid, cid, nowMs);
  return {
    line,
    state: {
      ...state,
      told: sta ?? state.told,
      sn: state.sn + 1,
      sentAtMs: nowMs,
      nextAtMs: begins ? nowMs + state.firstMs : event === "t" ? nowMs + INTERVAL_MS : state.nextAtMs,
      isStartupTold: state.isStartupTold || state.startupMs !== null,
      errors: [],
    },
  };
}

/** The report that the viewer leaves; `null`: there was nothing to leave. */
export function farewell(state: Reporting, playing: Playing, sid: string, cid: string, nowMs: number): { state: Reporting; line: string | null } {
  if (state.told === null || state.told === "q" || state.told === "e") return { state, line: null };
  const line = encode(state, "ps", "q", playing, sid, cid, nowMs);
  return { line, state: { ...state, told: "q", sn: state.sn + 1, sentAtMs: nowMs, isStartupTold: true, errors: [] } };
}

/** Keys in the order of their names, as the standard asks. */
function encode(state: Reporting, event: string, sta: PlayState | "q" | null, playing: Playing, sid: string, cid: string, nowMs: number): string {
  const since = state.stalledSinceMs;
  const fields: [string, string | null][] = [
    ["br", list(playing.kbps)],
    ["bsa", list(state.stalls)],
    ["bsda", list(state.stalledMs + (since === null ? 0 : nowMs - since))],
    ["cid", quoted(cid)],
    ["e", event],
    ["ec", state.errors.length > 0 ? `(${state.errors.map(quoted).join(" ")})` : null],
    ["ltc", whole(playing.latencyMs)],
    ["msd", state.isStartupTold ? null : whole(state.startupMs)],
    ["sf", playing.path === "seat" ? "o" : "h"],
    ["sid", quoted(sid)],
    ["sn", whole(state.sn)],
    ["st", "ll"],
    ["sta", sta],
    ["ts", whole(nowMs)],
    ["v", "2"],
  ];
  return fields.flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])).join(",");
}

const whole = (value: number | null) => (value === null || !Number.isFinite(value) ? null : String(Math.max(0, Math.round(value))));

const list = (value: number | null) => whole(value) && `(${whole(value)})`;

/** A string of RFC 8941 has printable ASCII alone. */
const quoted = (text: string) => `"${text.replace(/[^ -~]/g, "?").replace(/["\\]/g, "\\$&")}"`;
