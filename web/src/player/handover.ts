//! Moves a viewer between a seat (WebRTC) and the broadcast (LL-HLS), as a pure machine.
//!
//! Both paths play while a move lasts. It lines them up by programme time, and then changes the one that is seen and
//! heard. To the seat: the seat starts behind the curtain as late as the broadcast is, takes over, and comes forward
//! at [`SPEED_MAX`]. To the broadcast: the seat is slowed by as much until the broadcast has reached the same instant.
//! So nothing is skipped, in either direction. If the other path does not come up in time, or breaks, the viewer stays.
//! No clock and no I/O: events and the time (milliseconds) come in, commands come out. Driven by `viewing.ts`.

export type Path = "seat" | "broadcast";
export const otherOf = (path: Path): Path => (path === "seat" ? "broadcast" : "seat");

/** The instant that a path plays now, Unix milliseconds on the server's clock; `null`: unknown, or not that kind. */
export interface Reading {
  pictureMs: number | null;
  soundMs: number | null;
  /** Of a seat: how long its pictures wait in the jitter buffer. */
  delayMs?: number | null;
  /** Of a seat: false where the browser gives no say in that. */
  canDelay?: boolean;
}

export type HandoverEvent =
  | { type: "move"; to: Path }
  /** Ten times a second. `null`: the path plays nothing yet, or is paused. */
  | { type: "readings"; seat: Reading | null; broadcast: Reading | null }
  | { type: "broken"; path: Path };

export type HandoverCommand =
  /** A seat starts as late as the broadcast is, as far as the driver knows. */
  | { do: "start"; path: Path }
  | { do: "stop"; path: Path }
  | { do: "delay"; delayMs: number | null }
  | { do: "show"; path: Path; fadeMs: number }
  | { do: "tell"; news: News };

/** `cut`: the path that was watched broke, so the move was not in line. `failed`: the viewer stays. */
export interface News {
  kind: "arrived" | "cut" | "failed" | "lost";
  path: Path;
}

interface Move {
  to: Path;
  phase: "starting" | "aligning" | "fading";
  sinceMs: number;
  /** When the phase began, a seat's delay was last changed, or both paths' instants were last known. */
  changedAtMs: number;
  /** The path that is left broke: the other one is shown as soon as it plays. */
  isUrgent: boolean;
}

export interface HandoverState {
  /** The path that is seen and heard; `null` before the first. */
  shown: Path | null;
  move: Move | null;
  /** The seat's delay; `null`: the browser's own. */
  delayMs: number | null;
  tickedAtMs: number;
}

export interface HandoverStep {
  state: HandoverState;
  commands: HandoverCommand[];
}

/** A seat plays at most so much faster or slower, as a share: more is heard. */
export const SPEED_MAX = 0.05;
/** Chromium's limit of `jitterBufferTarget`. */
export const DELAY_MS_MAX = 4_000;
/** Length of the sound's cross-fade. */
export const FADE_MS = 150;
/** The paths are in line when the new one is at most so much ahead (skipped) or behind (repeated). */
export const AHEAD_MS_MAX = 30;
export const BEHIND_MS_MAX = 80;
/** The same for sound. Browsers stretch it more slowly than they delay pictures, and keep it in step within 30 ms. */
const SOUND_AHEAD_MS_MAX = 40;
const SOUND_BEHIND_MS_MAX = 120;
/** After a change of delay, pictures need so long to show it. */
const SETTLE_MS = 600;
/** A seat must play within this, the broadcast within this, and then be in line. */
export const SEAT_START_MS_MAX = 10_000;
export const BROADCAST_START_MS_MAX = 30_000;
export const SEAT_ALIGN_MS_MAX = 60_000;
export const BROADCAST_ALIGN_MS_MAX = 120_000;
/** A seat that does not tell its instant for so long is left for a broadcast that plays: it is behind in any case. */
export const BLIND_MS_MAX = 8_000;
/** A tick that comes late moves a delay by no more than this would. */
const TICK_MS_MAX = 500;

export const initialHandover = (nowMs: number): HandoverState => ({ shown: null, move: null, delayMs: null, tickedAtMs: nowMs });

export function handover(state: HandoverState, event: HandoverEvent, nowMs: number): HandoverStep {
  switch (event.type) {
    case "move":
      return onMove(state, event.to, nowMs);
    case "broken":
      return onBroken(state, event.path, nowMs);
    case "readings": {
      const dtMs = Math.min(TICK_MS_MAX, Math.max(0, nowMs - state.tickedAtMs));
      const ticked = { ...state, tickedAtMs: nowMs };
      if (!ticked.move) return comeForward(ticked, dtMs);
      return onTick(ticked, ticked.move, event, dtMs, nowMs);
    }
  }
}

function onMove(state: HandoverState, to: Path, nowMs: number): HandoverStep {
  if (state.move?.to === to || (!state.move && state.shown === to)) return { state, commands: [] };
  if (state.move?.phase === "fading") return begin({ ...state, move: null }, to, false, nowMs);
  // Back to where the viewer still is: the path that was started is not needed.
  if (state.move && state.shown === to) return { state: { ...state, move: null }, commands: [stop(state.move.to)] };
  return begin(state, to, state.shown === null, nowMs);
}

function begin(state: HandoverState, to: Path, isUrgent: boolean, nowMs: number): HandoverStep {
  const commands: HandoverCommand[] = [{ do: "start", path: to }];
  if (state.move && state.move.to !== to) commands.unshift(stop(state.move.to));
  const move: Move = { to, phase: "starting", sinceMs: nowMs, changedAtMs: nowMs, isUrgent };
  return { state: { ...state, move, delayMs: to === "seat" ? null : state.delayMs, tickedAtMs: nowMs }, commands };
}

function onBroken(state: HandoverState, path: Path, nowMs: number): HandoverStep {
  const { move } = state;
  if (move?.to === path && move.phase !== "fading") return fail(state, move, nowMs);
  if (move?.phase === "fading") return path === move.to ? begin({ ...state, move: null }, otherOf(path), true, nowMs) : { state, commands: [] };
  if (state.shown !== path) return { state, commands: [] };
  if (move) return { state: { ...state, move: { ...move, isUrgent: true } }, commands: [] };
  // A broadcast that breaks is loaded again by its own player.
  return path === "seat" ? begin(state, "broadcast", true, nowMs) : { state, commands: [] };
}

function onTick(
  state: HandoverState, move: Move, readings: { seat: Reading | null; broadcast: Reading | null }, dtMs: number, nowMs: number,
): HandoverStep {
  if (move.phase === "fading") {
    if (nowMs - move.changedAtMs < FADE_MS) return { state, commands: [] };
    return { state: { ...state, move: null }, commands: [stop(otherOf(move.to))] };
  }
  const target = readings[move.to];
  const plays = target !== null && (target.pictureMs !== null || target.soundMs !== null);
  if (plays && (move.isUrgent || target.canDelay === false || readings.seat?.canDelay === false)) return show(state, move, nowMs);
  const [startMs, alignMs] = move.to === "seat" ? [SEAT_START_MS_MAX, SEAT_ALIGN_MS_MAX] : [BROADCAST_START_MS_MAX, BROADCAST_ALIGN_MS_MAX];
  if (nowMs - move.sinceMs > (move.phase === "starting" ? startMs : startMs + alignMs)) return fail(state, move, nowMs);
  const next = { ...state, move: plays && move.phase === "starting" ? { ...move, phase: "aligning" as const, changedAtMs: nowMs } : move };
  return move.to === "seat" ? alignSeat(next, next.move, readings, nowMs) : alignBroadcast(next, next.move, readings, dtMs, nowMs);
}

/** Nobody sees the seat yet, so its delay may jump to where the broadcast is. */
function alignSeat(state: HandoverState, move: Move, { seat, broadcast }: { seat: Reading | null; broadcast: Reading | null }, nowMs: number): HandoverStep {
  const [picture, sound] = [ahead(seat, broadcast, "pictureMs"), ahead(seat, broadcast, "soundMs")];
  const leading = picture ?? sound;
  if (leading === null) return { state, commands: [] };
  const isHeardInLine = sound === null || (sound <= SOUND_AHEAD_MS_MAX && sound >= -SOUND_BEHIND_MS_MAX);
  if (inLine(leading) && isHeardInLine) return show(state, move, nowMs);
  if (inLine(leading) || nowMs - move.changedAtMs < SETTLE_MS) return { state, commands: [] };
  // Aim a little behind the broadcast: a repeated frame is better than a skipped one.
  const from = state.delayMs ?? seat?.delayMs ?? 0;
  const delayMs = Math.min(DELAY_MS_MAX, Math.max(0, from + leading + BEHIND_MS_MAX / 4));
  return { state: { ...state, delayMs, move: { ...move, changedAtMs: nowMs } }, commands: [{ do: "delay", delayMs }] };
}

/** The viewer watches the seat, so its delay grows no faster than [`SPEED_MAX`]. */
function alignBroadcast(
  state: HandoverState, move: Move, { seat, broadcast }: { seat: Reading | null; broadcast: Reading | null }, dtMs: number, nowMs: number,
): HandoverStep {
  const late = ahead(broadcast, seat, "pictureMs") ?? ahead(broadcast, seat, "soundMs");
  // While the broadcast starts, the seat slows already: the broadcast is behind in any case.
  const early = late === null ? Number.POSITIVE_INFINITY : -late;
  if (late !== null && inLine(late)) return show(state, move, nowMs);
  if (late === null && move.phase === "aligning" && nowMs - move.changedAtMs > BLIND_MS_MAX) return show(state, move, nowMs);
  // The seat can wait no longer, and the broadcast is still behind: a part is shown twice.
  if (late !== null && early > 0 && (state.delayMs ?? 0) >= DELAY_MS_MAX) return show(state, move, nowMs);
  const from = state.delayMs ?? seat?.delayMs ?? 0;
  const delayMs = Math.min(DELAY_MS_MAX, Math.max(0, from + Math.sign(early) * SPEED_MAX * dtMs));
  const seenAtMs = late === null ? move.changedAtMs : nowMs;
  return { state: { ...state, delayMs, move: { ...move, changedAtMs: seenAtMs } }, commands: [{ do: "delay", delayMs }] };
}

/** After a move the seat's delay shrinks, until the browser has its own again. */
function comeForward(state: HandoverState, dtMs: number): HandoverStep {
  if (state.shown !== "seat" || state.delayMs === null) return { state, commands: [] };
  const left = state.delayMs - SPEED_MAX * dtMs;
  const delayMs = left > 0 ? left : null;
  return { state: { ...state, delayMs }, commands: [{ do: "delay", delayMs }] };
}

function show(state: HandoverState, move: Move, nowMs: number): HandoverStep {
  const { to } = move;
  const isFirst = state.shown === null;
  const news: News = { kind: move.isUrgent && !isFirst ? "cut" : "arrived", path: to };
  return {
    state: { ...state, shown: to, move: { ...move, phase: "fading", changedAtMs: nowMs } },
    commands: [{ do: "show", path: to, fadeMs: move.isUrgent ? 0 : FADE_MS }, { do: "tell", news }],
  };
}

function fail(state: HandoverState, move: Move, nowMs: number): HandoverStep {
  const { to } = move;
  const told: HandoverCommand = { do: "tell", news: { kind: move.isUrgent && state.shown !== null ? "lost" : "failed", path: to } };
  if (to === "broadcast" && move.isUrgent) {
    // There is no other path: the broadcast's own player goes on trying, and says so.
    return { state: { ...state, shown: to, move: null, delayMs: null }, commands: [{ do: "show", path: to, fadeMs: 0 }, told] };
  }
  if (state.shown === null) {
    const next = begin({ ...state, move: null }, "broadcast", true, nowMs);
    return { state: { ...next.state, delayMs: null }, commands: [stop(to), ...next.commands, told] };
  }
  return { state: { ...state, move: null, delayMs: to === "seat" ? null : state.delayMs }, commands: [stop(to), told] };
}

const stop = (path: Path): HandoverCommand => ({ do: "stop", path });
const inLine = (aheadMs: number) => aheadMs <= AHEAD_MS_MAX && aheadMs >= -BEHIND_MS_MAX;

/** By how much `a` is ahead of `b`, milliseconds. */
function ahead(a: Reading | null, b: Reading | null, kind: "pictureMs" | "soundMs"): number | null {
  const [one, other] = [a?.[kind] ?? null, b?.[kind] ?? null];
  return one === null || other === null ? null : one - other;
}
