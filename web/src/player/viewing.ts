//! A viewer of one room: where the server lets them sit, and the moves that follow.
//!
//! Joins, listens to the events socket, and has `paths.ts` move. React reads it through `subscribe` and `snapshot`
//! (`useSyncExternalStore`); tests read it as a `PlayerHandle`. A server that knows no join has the broadcast alone.

import { ApiError, type Delivery, type JoinAnswer, join, record } from "../lib/api";
import { EventsSocket } from "../lib/events";
import { type Presence, type Promote, promoteOf, type ServerFrame } from "../lib/events-frames";
import { SeatScreen } from "../seat/screen";
import type { News, Path } from "./handover";
import { latencySeconds, smooth } from "./latency";
import type { Phase } from "./machine";
import { sentenceOf } from "./news";
import type { PlayerHandle } from "./page-handle";
import { Paths } from "./paths";
import { Player } from "./player";
import { playingOf } from "./report";
import { ReportSender } from "./reporting";
import { type Snapshot, sameSnapshot } from "./snapshot";

const TICK_MS = 200;
/** A broadcast that is starting is joined again so often, where the server does not say. */
const JOIN_AGAIN_MS = 2_000;

/** What the page shows. */
export interface ViewingSnapshot extends Snapshot {
  shown: Path | null;
  /** The path that a move under way leads to. */
  moving: Path | null;
  /** The latest news of moves, for people. */
  notice: string;
  /** The server grants seats, and this viewer has none. */
  mayAsk: boolean;
  /** The viewer may give up their seat: there may be a broadcast. */
  mayLeave: boolean;
  /** The viewer waits for a seat. */
  isWaiting: boolean;
  /** The server moves the viewer to a seat that is free. */
  mayMove: boolean;
  presence: Presence | null;
}

export class Viewing implements PlayerHandle {
  #paths: Paths;
  #screen: SeatScreen;
  #events: EventsSocket | null = null;
  #reports: ReportSender;
  #eventsUrl: string | null = null;
  #answer: JoinAnswer | null = null;
  #sound = { volume: 1, muted: true };
  #notice = "";
  #isWaiting = false;
  #presence: Presence | null = null;
  #identity: string | null = null;
  #promote: Promote | null = null;
  #smoothed: number | null = null;
  #snapshot: ViewingSnapshot;
  #listeners = new Set<() => void>();
  #abort = new AbortController();
  #timer: ReturnType<typeof setInterval>;
  #again: ReturnType<typeof setTimeout> | undefined;

  /** `box` is where a seat's pictures go. `wish` leaves the choice to the server if it is `null`. */
  constructor(
    video: HTMLVideoElement,
    box: HTMLElement,
    readonly room: string,
    private readonly token: string | null,
    wish: Delivery | null,
  ) {
    this.#screen = new SeatScreen(box);
    this.#reports = new ReportSender(room);
    this.#paths = new Paths(new Player(video, room, token, (kind) => this.#reports.error(kind)), this.#screen, {
      changed: () => this.#publish(),
      news: (news, reason) => this.#onNews(news, reason),
    });
    this.#snapshot = this.#look();
    this.#player.subscribe(() => this.#onPlayer());
    // A page that the browser keeps for the way back goes on from where it was.
    window.addEventListener("pagehide", ({ persisted }) => this.#onHidden(persisted), { signal: this.#abort.signal });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    void this.#join(wish);
  }

  get #player(): Player {
    return this.#paths.player;
  }

  get phase(): Phase {
    return this.#snapshot.phase;
  }

  get hls(): PlayerHandle["hls"] {
    return this.#player.hls;
  }

  /** The viewer's identity, as the events socket told it. */
  get identity(): string | null {
    return this.#identity;
  }

  get path(): Path | null {
    return this.#paths.shown;
  }

  get moving(): Path | null {
    return this.#paths.moving;
  }

  latency(): number | null {
    return latencySeconds(this.#player.serverNowMs(), this.#paths.programmeMs());
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): ViewingSnapshot => this.#snapshot;

  togglePlay(): void {
    if (this.path === "seat") this.#screen.setPaused(!this.#screen.paused && !this.#screen.blocked);
    else this.#player.togglePlay();
    this.#publish();
  }

  goLive(): void {
    if (this.path !== "seat") this.#player.goLive();
    else if (this.#screen.paused) this.togglePlay();
  }

  choose(index: number): void {
    this.#player.choose(index);
  }

  setVolume(volume: number): void {
    this.#setSound({ volume: Math.min(1, Math.max(0, volume)), muted: volume <= 0 });
  }

  setMuted(muted: boolean): void {
    this.#setSound({ volume: !muted && this.#sound.volume === 0 ? 0.6 : this.#sound.volume, muted });
  }

  /** Asks for a seat, and waits for one if there is none and the room moves people to its seats; or waits no more. */
  async askForSeat(want = true): Promise<void> {
    this.#isWaiting = want && this.#promote !== "never";
    this.#events?.say({ type: "seat", want: this.#isWaiting });
    this.#publish();
    if (want) await this.#join("interactive");
  }

  /** Leaves the seat for the broadcast. */
  async leaveSeat(): Promise<void> {
    this.#isWaiting = false;
    this.#events?.say({ type: "seat", want: false });
    await this.#join("broadcast");
  }

  /** Moves as a join's answer says. */
  moveTo(answer: JoinAnswer): void {
    this.#answer = answer;
    clearTimeout(this.#again);
    this.#listen(answer.events);
    if (answer.delivery === "interactive") {
      this.#isWaiting = false;
      this.#paths.move("seat", { whep: answer.whep, token: answer.token });
    } else {
      this.#paths.move("broadcast", null);
      // A broadcast that nobody waits for does not start.
      if (!answer.ready) this.#again = setTimeout(() => void this.#joinUntilReady(), answer.retryAfterMs ?? JOIN_AGAIN_MS);
    }
    this.#publish();
  }

  destroy(): void {
    this.#reports.leave();
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    this.#abort.abort();
    this.#events?.close();
    this.#paths.destroy();
    this.#listeners.clear();
  }

  async #join(wish: Delivery | null): Promise<void> {
    try {
      const answer = await join(this.room, this.#answer?.token ?? this.token, wish, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      if (answer) {
        if (answer.delivery === "broadcast" && answer.detail && wish === "interactive") this.#tell(answer.detail);
        return this.moveTo(answer);
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      // No seat and no broadcast: the broadcast's player asks for the room until there is one.
      if (error instanceof ApiError && error.status > 0 && error.status !== 401) this.#tell(error.message);
    }
    if (this.path === null && this.moving === null) this.#paths.move("broadcast", null);
  }

  async #joinUntilReady(): Promise<void> {
    if (this.#player.phase !== "playing") await this.#join("broadcast");
  }

  #listen(url: string | null): void {
    if (!url || this.#eventsUrl) return;
    this.#eventsUrl = url;
    const full = new URL(url, document.baseURI);
    if (this.token && !full.searchParams.has("access_token")) full.searchParams.set("access_token", this.token);
    this.#events = new EventsSocket(full.href, (frame) => this.#onFrame(frame));
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.type === "welcome") this.#reports.setId(frame.sid);
    if (frame.type === "welcome" || frame.type === "presence") this.#presence = frame.presence;
    if (frame.type === "welcome") [this.#identity, this.#promote] = [frame.identity, frame.promote];
    if (frame.type === "events") {
      const rooms = frame.events.map(record).filter((event) => event.type === "room");
      for (const { room } of rooms) this.#promote = promoteOf(room);
    }
    if (frame.type === "delivery") {
      if (frame.sentence) this.#tell(frame.sentence);
      if (frame.answer) this.moveTo(frame.answer);
      else void this.#join(frame.delivery);
    }
    this.#publish();
  }

  #onHidden(isKept: boolean): void {
    this.#reports.leave();
    if (!isKept) this.#paths.destroy();
  }

  #onNews(news: News, reason: string): void {
    if (news.kind !== "arrived") this.#reports.error(`${news.path}-${news.kind}`);
    if (news.path === "seat" && news.kind !== "failed") this.#events?.say({ type: "seat", want: false });
    this.#tell(sentenceOf(news, reason));
  }

  #tell(sentence: string): void {
    this.#notice = sentence;
    this.#publish();
  }

  #setSound(sound: { volume: number; muted: boolean }): void {
    this.#sound = sound;
    this.#paths.setSound(sound);
    this.#publish();
  }

  #onPlayer(): void {
    // The browser allowed no sound: everything is muted then.
    const { muted } = this.#player.snapshot();
    if (muted && !this.#sound.muted) this.#setSound({ ...this.#sound, muted });
    this.#publish();
  }

  #tick(): void {
    this.#smoothed = smooth(this.#smoothed, this.path === "seat" ? this.latency() : null);
    this.#publish();
    const { phase, paused } = this.#snapshot;
    const state = phase === "playing" ? (paused ? "paused" : "playing") : phase === "reconnecting" ? "stalled" : "stopped";
    if (this.path) this.#events?.say({ type: "watching", delivery: this.path === "seat" ? "interactive" : "broadcast", state });
    const stalledMs = this.path === "seat" ? 0 : this.#player.stalledMs;
    this.#reports.tick(playingOf(this.#snapshot, this.path, this.path === "seat" ? this.#paths.seatQuality : null, stalledMs, this.latency()));
  }

  #publish(): void {
    if (this.#abort.signal.aborted) return;
    const next = this.#look();
    if (sameSnapshot(this.#snapshot, next)) return;
    this.#snapshot = next;
    for (const listener of this.#listeners) listener();
  }

  #look(): ViewingSnapshot {
    const { shown, moving } = this.#paths;
    const broadcast = this.#player.snapshot();
    const seat: Partial<Snapshot> = {
      phase: "playing", offline: false, renditions: [], latencySeconds: this.#smoothed, targetSeconds: null,
      atEdge: true, paused: this.#screen.paused, blocked: this.#screen.blocked,
    };
    // Parked is no word for people: the first path is on its way.
    const first: Partial<Snapshot> = broadcast.phase === "parked" ? { phase: "connecting" } : {};
    return {
      ...broadcast,
      ...(shown === "seat" ? seat : first),
      ...this.#sound,
      shown,
      moving: shown === null ? null : moving,
      notice: this.#notice,
      mayAsk: this.#answer !== null && shown === "broadcast" && this.#answer.reason !== "encrypted",
      mayLeave: this.#answer !== null && shown === "seat",
      isWaiting: this.#isWaiting,
      mayMove: this.#isWaiting || this.#promote === "auto",
      presence: this.#presence,
    };
  }
}
