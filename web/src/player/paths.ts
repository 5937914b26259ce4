//! The two paths to a viewer and the machine that moves between them: the thin edge around `handover.ts`.
//!
//! Owns a `Player` for the broadcast, which is parked while it is not needed, and at most one `Seat` with its screen.
//! `viewing.ts` says where to go; every path's end comes back as a word.

import { Fade } from "./fade";
import { type HandoverCommand, type HandoverEvent, type HandoverState, type News, type Path, type Reading, handover, initialHandover } from "./handover";
import type { Player } from "./player";
import type { Playout } from "../seat/playout";
import type { SeatScreen } from "../seat/screen";
import { DELAY_MS_MAX, Seat, type SeatAccess } from "../seat/seat";

/** While delays change, the paths are looked at so often; else once a second. */
const TICK_MS = 100;
const QUIET_TICKS = 10;
/** Statistics that are older tell nothing. */
const STALE_MS = 1_500;
/** A broadcast that is not playing for so long counts as broken. */
const SILENT_MS = 2_000;
/** After a start or a jump the clock of a video element is at the new place before its picture is. */
const STEADY_MS = 400;

export class Paths {
  #state: HandoverState = initialHandover(Date.now());
  #seat: Seat | null = null;
  #access: SeatAccess | null = null;
  #playout: Playout | null = null;
  /** Bit rate between the last two looks at the seat, kilobits a second. */
  #seatKbps: number | null = null;
  /** The seat whose statistics are awaited: a connection that is closed meanwhile never gives them. */
  #looking: { seat: Seat; sinceMs: number } | null = null;
  #ticks = 0;
  /** Why the latest seat broke. */
  #reason = "";
  #playedAtMs = Date.now();
  #unsteadyAtMs = Date.now();
  #sound = { volume: 1, muted: true };
  #shares = { seat: 0, broadcast: 0 };
  #fade = new Fade((shares) => this.#applySound((this.#shares = shares)));
  #timer = setInterval(() => this.#tick(), TICK_MS);

  constructor(
    readonly player: Player,
    private readonly screen: SeatScreen,
    private readonly on: { changed: () => void; news: (news: News, reason: string) => void },
  ) {
    // A jump may begin and end between two ticks.
    player.video.addEventListener("seeked", () => (this.#unsteadyAtMs = Date.now()));
  }

  /** The path that is seen and heard; `null` before the first. */
  get shown(): Path | null {
    return this.#state.shown;
  }

  /** The path that a move under way leads to. */
  get moving(): Path | null {
    const { move } = this.#state;
    return move && move.phase !== "fading" ? move.to : null;
  }

  /** The instant on the screen, Unix milliseconds on the server's clock; `null` while unknown. */
  programmeMs(): number | null {
    return this.shown === "seat" ? (this.#seatReading()?.pictureMs ?? this.#seatReading()?.soundMs ?? null) : this.player.programmeMs();
  }

  /** A seat needs an `access`. */
  move(to: Path, access: SeatAccess | null): void {
    if (to === "seat") this.#access = access;
    this.#dispatch({ type: "move", to });
  }

  setSound(sound: { volume: number; muted: boolean }): void {
    this.#sound = sound;
    this.#applySound(this.#shares);
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.#fade.stop();
    this.#stop("seat");
    this.player.destroy();
  }

  #tick(): void {
    this.#ticks += 1;
    const nowMs = Date.now();
    if (this.player.isPlaying || this.player.video.paused || this.player.phase === "parked") this.#playedAtMs = nowMs;
    const isQuiet = this.#state.move === null && this.#state.delayMs === null;
    if (this.#seat && (!isQuiet || this.#ticks % QUIET_TICKS === 0)) void this.#look(this.#seat);
    if (this.#state.shown === "broadcast" && nowMs - this.#playedAtMs > SILENT_MS) this.#dispatch({ type: "broken", path: "broadcast" });
    this.#dispatch({ type: "readings", seat: this.#seatReading(), broadcast: this.#broadcastReading() });
  }

  async #look(seat: Seat): Promise<void> {
    if (this.#looking?.seat === seat && Date.now() - this.#looking.sinceMs < STALE_MS) return;
    const look = { seat, sinceMs: Date.now() };
    this.#looking = look;
    const playout = await seat.look().catch(() => null);
    if (this.#looking === look) this.#looking = null;
    if (this.#seat !== seat || !playout) return;
    this.#seatKbps = this.#playout && kbpsBetween(this.#playout, playout);
    this.#playout = playout;
  }

  /** The seat's bit rate, kilobits a second, and its freezes so far; `null` without a seat that plays. */
  get seatQuality(): { kbps: number | null; freezes: number; frozenMs: number } | null {
    return this.#playout && { kbps: this.#seatKbps, freezes: this.#playout.freezes, frozenMs: this.#playout.frozenMs };
  }

  #seatReading(): Reading | null {
    const found = this.#playout;
    if (!this.#seat || !found || this.screen.paused) return null;
    const ageMs = performance.timeOrigin + performance.now() - found.atMs;
    if (ageMs > STALE_MS) return null;
    const now = (instantMs: number | null) => (instantMs === null ? null : instantMs + ageMs);
    return { pictureMs: now(found.pictureMs), soundMs: now(found.soundMs), delayMs: found.delayMs, canDelay: this.#seat.canDelay };
  }

  #broadcastReading(): Reading | null {
    const nowMs = Date.now();
    if (!this.player.isPlaying) this.#unsteadyAtMs = nowMs;
    if (nowMs - this.#unsteadyAtMs < STEADY_MS) return null;
    const instantMs = this.player.programmeMs();
    return { pictureMs: instantMs, soundMs: instantMs };
  }

  #dispatch(event: HandoverEvent): void {
    const { state, commands } = handover(this.#state, event, Date.now());
    const isChanged = state.shown !== this.#state.shown || state.move?.phase !== this.#state.move?.phase;
    this.#state = state;
    for (const command of commands) this.#obey(command);
    if (isChanged) this.on.changed();
  }

  #obey(command: HandoverCommand): void {
    switch (command.do) {
      case "start":
        return command.path === "seat" ? this.#startSeat() : this.player.start();
      case "stop":
        return this.#stop(command.path);
      case "delay":
        return this.#seat?.setDelay(command.delayMs);
      case "show":
        return this.#fade.to(command.path, command.fadeMs);
      case "tell":
        return this.on.news(command.news, this.#reason);
    }
  }

  #startSeat(): void {
    this.#stop("seat");
    this.#reason = "";
    if (!this.#access) return;
    const latency = this.shown === "broadcast" ? this.player.latency() : null;
    const delayMs = latency === null ? null : Math.min(DELAY_MS_MAX, latency * 1000);
    const speakers = this.player.snapshot().room?.speakerCount ?? 0;
    const seat: Seat = new Seat(this.#access, speakers, delayMs, {
      streams: () => this.#seat === seat && this.screen.show(seat.streams),
      broken: (reason) => this.#seat === seat && this.#onBroken(reason),
    });
    this.#seat = seat;
  }

  #onBroken(reason: string): void {
    this.#reason = reason;
    this.#playout = null;
    // The last picture stays until the broadcast has one.
    this.#dispatch({ type: "broken", path: "seat" });
  }

  #stop(path: Path): void {
    if (path === "broadcast") return this.player.park();
    this.#seat?.end();
    this.#seat = this.#playout = this.#seatKbps = null;
    this.screen.clear();
  }

  #applySound(shares: { seat: number; broadcast: number }): void {
    const { volume, muted } = this.#sound;
    this.player.setSound({ volume, muted, share: shares.broadcast });
    this.screen.setSound(volume * shares.seat, muted);
  }
}

/** `null`: a track went, or the looks are of one moment. */
function kbpsBetween(before: Playout, now: Playout): number | null {
  const [bytes, ms] = [now.receivedBytes - before.receivedBytes, now.atMs - before.atMs];
  return bytes < 0 || ms <= 0 ? null : (bytes * 8) / ms;
}
