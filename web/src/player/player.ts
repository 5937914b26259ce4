//! The broadcast's player: the thin edge around `machine.ts`.
//!
//! Owns one video element, one hls.js instance at a time and one timer. `viewing.ts` drives it, and lets it be parked
//! while the viewer has a seat.

import { Events, type default as Hls } from "hls.js";
import { type RoomDetail, fetchRoom, isRefusal } from "../lib/api";
import { ServerClock } from "../lib/clock-sync";
import { EdgeWatch } from "./edge-watch";
import { NATIVE_TYPE, createHls, hlsSupported, programmeMs, seekableEnd, troubleOf } from "./hls";
import { isAtEdge, latencySeconds, smooth } from "./latency";
import { type Phase, type PlayerEvent, type PlayerState, type Trouble, initialState, step } from "./machine";
import { type Rendition, type Snapshot, renditionsOf, sameSnapshot, videoFacts } from "./snapshot";

const TICK_MS = 200;
const CHANGES = ["volumechange", "play", "pause", "ratechange", "resize"];

export class Player {
  #hls: Hls | null = null;
  #renditions: readonly Rendition[] = [];
  #state: PlayerState;
  #snapshot: Snapshot;
  #listeners = new Set<() => void>();
  #clock = new ServerClock("/v1/rooms");
  #timer: ReturnType<typeof setInterval>;
  #abort = new AbortController();
  #asking = false;
  #room: RoomDetail | null = null;
  #unknownRoom = false;
  #chosenHeight: number | null = null;
  #lastTime = 0;
  #movedAtMs = Date.now();
  #edge: EdgeWatch | null = null;
  #smoothed: number | null = null;
  #blocked = false;
  #sound = { volume: 1, muted: true, share: 1 };

  /** The player begins parked. */
  constructor(
    readonly video: HTMLVideoElement,
    readonly roomName: string,
    /** Opens a private room. */
    private readonly token: string | null = null,
    /** Told of what hls.js does not recover from by itself. */
    private readonly onTrouble: (kind: Trouble) => void = () => {},
  ) {
    const supported = hlsSupported() || video.canPlayType(NATIVE_TYPE) !== "";
    this.#state = initialState(Date.now(), supported);
    this.#snapshot = this.#look();
    this.#dispatch({ type: "park" });
    const { signal } = this.#abort;
    for (const name of CHANGES) video.addEventListener(name, () => this.#publish(), { signal });
    video.addEventListener("ended", () => this.#dispatch({ type: "end-of-stream" }), { signal });
    video.addEventListener("error", () => !this.#hls && this.#dispatch({ type: "trouble", kind: "network" }), { signal });
    document.addEventListener("visibilitychange", () => this.#onShown(), { signal });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  get hls(): Hls | null {
    return this.#hls;
  }

  /** From the camera to the screen at this moment, seconds, not smoothed; `null` while unknown. */
  latency(): number | null {
    return latencySeconds(this.#clock.nowMs(), this.programmeMs());
  }

  /** The server's time, Unix milliseconds. */
  serverNowMs(): number {
    return this.#clock.nowMs();
  }

  /** The instant on the screen by EXT-X-PROGRAM-DATE-TIME, Unix milliseconds; `null` while unknown. */
  programmeMs(): number | null {
    return programmeMs(this.#hls, this.video);
  }

  /** Loads the broadcast, or plays on. */
  start(): void {
    this.#dispatch({ type: "unpark" });
    if (this.video.paused && this.#state.phase === "playing") this.#play();
  }

  /** Lets the broadcast go; the room is still asked for. */
  park(): void {
    this.#dispatch({ type: "park" });
  }

  get isPlaying(): boolean {
    return this.#state.phase === "playing" && !this.video.paused && !this.video.seeking && this.video.readyState >= 2;
  }

  /** For how long a picture that should move has not, milliseconds. */
  get stalledMs(): number {
    return Date.now() - this.#movedAtMs;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): Snapshot => this.#snapshot;

  togglePlay(): void {
    if (!this.video.paused) return this.video.pause();
    if (this.#state.phase === "playing" && !this.#snapshot.atEdge) this.goLive();
    this.#play();
  }

  /** Jumps to the live edge. */
  goLive(): void {
    const edge = this.#hls ? this.#hls.liveSyncPosition : seekableEnd(this.video);
    if (edge !== null) this.video.currentTime = edge;
    this.#play();
  }

  /** Plays the rendition `index`; −1 is automatic. A reconnect chooses the rendition of the same height again. */
  choose(index: number): void {
    if (!this.#hls) return;
    this.#chosenHeight = index < 0 ? null : (this.#hls.levels[index]?.height ?? null);
    this.#hls.nextLevel = index;
    this.#publish();
  }

  /** The viewer's volume and whether they muted it; `share` of it, 0 to 1, is the broadcast's while a move fades. */
  setSound(sound: { volume: number; muted: boolean; share: number }): void {
    this.#sound = sound;
    this.video.volume = sound.volume * sound.share;
    this.video.muted = sound.muted || sound.share === 0;
    this.#publish();
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.#abort.abort();
    this.#clock.close();
    this.#hls?.destroy();
    this.#hls = null;
    this.#listeners.clear();
  }

  #tick(): void {
    const nowMs = Date.now();
    this.#watchProgress(nowMs);
    this.#dispatch({ type: "tick" });
    this.#keepUp(nowMs);
    if (this.#state.pollAtMs !== null && nowMs >= this.#state.pollAtMs) void this.#ask();
    this.#smoothed = smooth(this.#smoothed, this.#state.phase === "playing" ? this.latency() : null);
    this.#publish();
  }

  #watchProgress(nowMs: number): void {
    const { video } = this;
    const moved = video.currentTime !== this.#lastTime && video.readyState >= 2 && !video.seeking;
    this.#lastTime = video.currentTime;
    if (moved || video.paused || document.hidden) this.#movedAtMs = nowMs;
    if (moved) this.#dispatch({ type: "progress" });
    else if (nowMs - this.#movedAtMs > 1_000) this.#dispatch({ type: "stalled", forMs: nowMs - this.#movedAtMs });
    // A player that the browser keeps from starting is connected once it has a picture.
    if (video.paused && this.#state.loading && video.readyState >= 2) this.#dispatch({ type: "progress" });
  }

  /** Brings the picture back to the live edge after a stall. A viewer who wants to be behind has paused. */
  #keepUp(nowMs: number): void {
    const { video } = this;
    if (!this.#edge || this.#state.phase !== "playing" || video.paused || video.seeking || document.hidden) return;
    if (this.#edge.shouldJump(video, nowMs)) this.goLive();
    const rate = this.#edge.rate(video);
    if (rate !== video.playbackRate) video.playbackRate = rate;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#room = await fetchRoom(this.roomName, this.token, this.#abort.signal);
      this.#unknownRoom = false;
      this.#dispatch({ type: "room", live: this.#room.live, broadcast: this.#room.liveSince });
    } catch (error) {
      this.#unknownRoom = isRefusal(error);
      this.#dispatch(this.#unknownRoom ? { type: "room", live: false, broadcast: null } : { type: "room-unreachable" });
    }
    this.#asking = false;
  }

  #dispatch(event: PlayerEvent): void {
    if (this.#abort.signal.aborted) return;
    // A room is announced as live before its first part is out.
    if (event.type === "trouble" && (event.kind !== "playlist-missing" || this.#state.phase === "playing")) this.onTrouble(event.kind);
    const { state, commands } = step(this.#state, event, Date.now());
    this.#state = state;
    for (const command of commands) {
      if (command === "load") this.#load();
      else if (command === "unload") this.#unload();
      else if (command === "halt") this.#hls?.stopLoad();
      else this.#hls?.recoverMediaError();
    }
  }

  #load(): void {
    const url = this.#room?.playlist ?? `/live/${encodeURIComponent(this.roomName)}/index.m3u8`;
    this.#movedAtMs = Date.now();
    this.#hls?.destroy();
    this.#hls = null;
    this.#renditions = [];
    if (!hlsSupported()) {
      this.video.src = url;
      return this.#play();
    }
    const hls = createHls();
    this.#hls = hls;
    this.#edge = new EdgeWatch(hls);
    hls.on(Events.MANIFEST_PARSED, () => this.#onManifest(hls));
    hls.on(Events.LEVELS_UPDATED, () => this.#onLevels(hls));
    hls.on(Events.LEVEL_SWITCHED, () => this.#publish());
    hls.on(Events.ERROR, (_, data) => {
      const kind = troubleOf(data);
      if (kind && this.#hls === hls) this.#dispatch({ type: "trouble", kind });
    });
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  #unload(): void {
    this.#hls?.destroy();
    this.#hls = this.#edge = null;
    this.#renditions = [];
    this.#blocked = false;
    this.video.removeAttribute("src");
    this.video.load();
  }

  #onLevels(hls: Hls): void {
    this.#renditions = renditionsOf(hls.levels);
    this.#publish();
  }

  #onManifest(hls: Hls): void {
    this.#onLevels(hls);
    const index = hls.levels.findIndex((level) => level.height === this.#chosenHeight);
    if (index >= 0) hls.nextLevel = index;
    this.#play();
  }

  #play(): void {
    this.video.play().then(
      () => (this.#blocked = false),
      (error: DOMException) => {
        if (error.name !== "NotAllowedError") return;
        if (this.video.muted) return void (this.#blocked = true);
        this.setSound({ ...this.#sound, muted: true });
        this.#play();
      },
    );
  }

  #onShown(): void {
    if (document.hidden || this.#state.phase !== "playing" || this.video.paused) return;
    this.#movedAtMs = Date.now();
    if (!isAtEdge(this.latency(), this.#hls?.targetLatency ?? null)) this.goLive();
  }

  #publish(): void {
    if (this.#abort.signal.aborted) return;
    const next = this.#look();
    if (sameSnapshot(this.#snapshot, next)) return;
    this.#snapshot = next;
    for (const listener of this.#listeners) listener();
  }

  #look(): Snapshot {
    const { video } = this;
    const hls = this.#hls;
    const target = hls?.targetLatency ?? null;
    return {
      phase: this.#state.phase,
      offline: this.#state.offline,
      room: this.#room,
      unknownRoom: this.#unknownRoom,
      renditions: this.#renditions,
      playing: hls?.currentLevel ?? -1,
      chosen: hls && !hls.autoLevelEnabled ? hls.nextLevel : -1,
      latencySeconds: this.#smoothed,
      targetSeconds: target,
      clockUncertaintyMs: Math.round(this.#clock.uncertaintyMs()),
      ...videoFacts(video),
      bandwidth: hls ? Math.round(hls.bandwidthEstimate) : null,
      atEdge: isAtEdge(this.#smoothed, target),
      muted: this.#sound.muted,
      volume: this.#sound.volume,
      blocked: this.#blocked,
    };
  }
}
