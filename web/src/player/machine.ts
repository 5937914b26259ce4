//! Decides the player's next step, as a pure machine.
//!
//! Events and the time come in, a new state and commands come out: no network, no clock, no video element. Driven by
//! `player.ts`. One rule is behind it: when a broadcast is lost, the machine asks for the room again and loads a fresh
//! multivariant playlist, because a restarted origin has a new epoch and every URI of the old one answers 404 for ever.

/** `parked`: the viewer watches from a seat; the room is asked for, and nothing is loaded. */
export type Phase = "waiting" | "connecting" | "playing" | "reconnecting" | "ended" | "unsupported" | "parked";

export interface PlayerState {
  phase: Phase;
  /** The player has a playlist and waits for its pictures (connecting or reconnecting). */
  loading: boolean;
  /** The server did not answer the last request for the room. */
  offline: boolean;
  /** Failures since pictures last moved for 10 s: sets the backoff. */
  attempt: number;
  /** Time of the next request for the room; `null`: none. */
  pollAtMs: number | null;
  /** Give up on the present load at this time. */
  loadDeadlineMs: number | null;
  /** Time at which pictures last began to move; `null` before the first. */
  playingSinceMs: number | null;
  /** Time at which reconnecting began. */
  lostAtMs: number | null;
  /** The broadcast that was loaded last, by its `live_since`. */
  broadcast: string | null;
  /** The room was seen off the air since the last broadcast ended. */
  sawOffAir: boolean;
  /** Times of the last 404s on media and the last decoder recovery. */
  mediaMissingAtMs: number | null;
  mediaRecoveredAtMs: number | null;
}

export type PlayerEvent =
  | { type: "room"; live: boolean; broadcast: string | null }
  | { type: "room-unreachable" }
  | { type: "progress" }
  | { type: "stalled"; forMs: number }
  | { type: "trouble"; kind: Trouble }
  | { type: "end-of-stream" }
  | { type: "park" }
  | { type: "unpark" }
  | { type: "tick" };

/** `playlist-missing` and `media-missing` are 404 or 410; `network` is anything else that hls.js gave up on. */
export type Trouble = "playlist-missing" | "media-missing" | "network" | "media";

/** `load`: start afresh from the multivariant playlist. `halt`: fetch no more, keep the picture. `unload`: drop it. */
export type Command = "load" | "halt" | "unload" | "recover-media";

export interface Step {
  state: PlayerState;
  commands: Command[];
}

const LOAD_TIMEOUT_MS = 12_000;
const STALL_MS = 6_000;
const MEDIA_MISSING_WINDOW_MS = 5_000;
const MEDIA_RECOVERY_WINDOW_MS = 10_000;
const STEADY_MS = 10_000;
const ENDED_AFTER_MS = 20_000;
const POLL_MS = { waiting: 2_000, playing: 30_000, ended: 4_000, parked: 15_000 };

export function initialState(nowMs: number, supported: boolean): PlayerState {
  return {
    phase: supported ? "waiting" : "unsupported",
    loading: false,
    offline: false,
    attempt: 0,
    pollAtMs: supported ? nowMs : null,
    loadDeadlineMs: null,
    playingSinceMs: null,
    lostAtMs: null,
    broadcast: null,
    sawOffAir: false,
    mediaMissingAtMs: null,
    mediaRecoveredAtMs: null,
  };
}

/** The wait before the retry after `attempt` failures, milliseconds: 0.3 s doubling to 5 s. */
export function backoffMs(attempt: number): number {
  return Math.min(5_000, 300 * 2 ** Math.min(attempt, 10));
}

export function step(state: PlayerState, event: PlayerEvent, nowMs: number): Step {
  if (state.phase === "unsupported") return { state, commands: [] };
  if (event.type === "park") return { state: { ...initialState(nowMs, true), phase: "parked" }, commands: ["unload"] };
  if (event.type === "unpark") return { state: state.phase === "parked" ? initialState(nowMs, true) : state, commands: [] };
  if (state.phase === "parked" && event.type !== "room" && event.type !== "room-unreachable") return { state, commands: [] };
  switch (event.type) {
    case "room":
      return onRoom({ ...state, offline: false }, event.live, event.broadcast, nowMs);
    case "room-unreachable":
      return onUnreachable(state, nowMs);
    case "progress":
      return onProgress(state, nowMs);
    case "stalled":
      return state.phase === "playing" && event.forMs >= STALL_MS ? lose(state, nowMs) : { state, commands: [] };
    case "trouble":
      return onTrouble(state, event.kind, nowMs);
    case "end-of-stream":
      return state.phase === "ended" ? { state, commands: [] } : end(state, nowMs);
    case "tick":
      return state.loading && state.loadDeadlineMs !== null && nowMs >= state.loadDeadlineMs
        ? lose(state, nowMs)
        : { state, commands: [] };
  }
}

function onRoom(state: PlayerState, live: boolean, broadcast: string | null, nowMs: number): Step {
  const another = broadcast !== null && broadcast !== state.broadcast;
  switch (state.phase) {
    case "waiting":
      return live ? load(state, broadcast, nowMs) : pollAt(state, nowMs + POLL_MS.waiting);
    case "ended":
      if (live && (another || state.sawOffAir)) return load(state, broadcast, nowMs);
      return pollAt({ ...state, sawOffAir: state.sawOffAir || !live }, nowMs + POLL_MS.ended);
    case "reconnecting":
      if (state.loading) return { state, commands: [] };
      if (live) return load(state, broadcast, nowMs);
      if (nowMs - (state.lostAtMs ?? nowMs) >= ENDED_AFTER_MS) return end({ ...state, sawOffAir: true }, nowMs);
      return pollAt(state, nowMs + 1_000);
    case "playing":
      // A room that is off the air still has a buffer to play out: the end of the playlist says when it is over.
      if (live && another && state.broadcast !== null) return load(lose(state, nowMs).state, broadcast, nowMs);
      return pollAt(state, nowMs + POLL_MS.playing);
    case "parked":
      return pollAt(state, nowMs + POLL_MS.parked);
    case "connecting":
    case "unsupported":
      return { state, commands: [] };
  }
}

function onUnreachable(state: PlayerState, nowMs: number): Step {
  if (state.phase === "playing") return pollAt(state, nowMs + POLL_MS.playing);
  const attempt = state.attempt + 1;
  return pollAt({ ...state, offline: true, attempt }, nowMs + backoffMs(attempt));
}

function onProgress(state: PlayerState, nowMs: number): Step {
  if (state.phase === "playing") {
    const steady = state.attempt > 0 && nowMs - (state.playingSinceMs ?? nowMs) >= STEADY_MS;
    return { state: steady ? { ...state, attempt: 0 } : state, commands: [] };
  }
  // The old buffer still plays while the room is asked for again: that is no new broadcast.
  if (!state.loading) return { state, commands: [] };
  return pollAt(
    { ...state, phase: "playing", loading: false, offline: false, loadDeadlineMs: null, playingSinceMs: nowMs, lostAtMs: null },
    nowMs + POLL_MS.playing,
  );
}

function onTrouble(state: PlayerState, kind: Trouble, nowMs: number): Step {
  if (state.phase === "waiting" || state.phase === "ended") return { state, commands: [] };
  if (state.phase === "reconnecting" && !state.loading) return { state, commands: [] };
  if (kind === "media-missing") {
    // The first can be a fragment that just left the window; a second within 5 s means that the epoch is gone.
    const again = state.mediaMissingAtMs !== null && nowMs - state.mediaMissingAtMs < MEDIA_MISSING_WINDOW_MS;
    const next = { ...state, mediaMissingAtMs: nowMs };
    return again ? lose(next, nowMs) : { state: next, commands: [] };
  }
  if (kind === "media") {
    const again = state.mediaRecoveredAtMs !== null && nowMs - state.mediaRecoveredAtMs < MEDIA_RECOVERY_WINDOW_MS;
    const next = { ...state, mediaRecoveredAtMs: nowMs };
    return again ? lose(next, nowMs) : { state: next, commands: ["recover-media"] };
  }
  if (kind === "playlist-missing" && state.phase === "connecting") {
    // The room is announced as live, but its first part is not out yet.
    return halted({ ...state, phase: "waiting" }, nowMs + POLL_MS.waiting / 2);
  }
  return lose(state, nowMs);
}

function load(state: PlayerState, broadcast: string | null, nowMs: number): Step {
  return {
    state: {
      ...state,
      phase: state.phase === "reconnecting" ? "reconnecting" : "connecting",
      loading: true,
      offline: false,
      pollAtMs: null,
      loadDeadlineMs: nowMs + LOAD_TIMEOUT_MS,
      broadcast,
      sawOffAir: false,
      mediaMissingAtMs: null,
      mediaRecoveredAtMs: null,
    },
    commands: ["load"],
  };
}

function lose(state: PlayerState, nowMs: number): Step {
  const phase = state.phase === "connecting" ? "waiting" : "reconnecting";
  const attempt = state.attempt + 1;
  const lostAtMs = state.lostAtMs ?? nowMs;
  return halted({ ...state, phase, attempt, lostAtMs }, nowMs + backoffMs(state.attempt));
}

function end(state: PlayerState, nowMs: number): Step {
  return halted({ ...state, phase: "ended", attempt: 0, lostAtMs: null }, nowMs + POLL_MS.ended);
}

function halted(state: PlayerState, pollAtMs: number): Step {
  return { state: { ...state, loading: false, loadDeadlineMs: null, pollAtMs }, commands: ["halt"] };
}

function pollAt(state: PlayerState, pollAtMs: number): Step {
  return { state: { ...state, pollAtMs }, commands: [] };
}
