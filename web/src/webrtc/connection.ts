//! One peer connection over WHIP or WHEP: negotiates, trickles, restarts ICE when the path breaks, starts over when that
//! does not help, and ends the session when it is closed.

import { ApiError } from "../lib/api";
import { fragment, headOf, restarted } from "./fragment";
import { type Session, endSession, patchCandidates, patchRestart, postOffer } from "./resource";

export type Status =
  | { state: "connecting" }
  | { state: "connected" }
  | { state: "reconnecting"; why: string }
  | { state: "closed" }
  | { state: "failed"; why: string };

export interface ConnectionOptions {
  /** Where offers go. */
  endpoint: string;
  token: string;
  /** Adds transceivers to a new connection. */
  prepare: (peer: RTCPeerConnection) => void;
  onStatus: (status: Status) => void;
  /** Asked when the server has dropped the session: did we come back elsewhere? Then we do not take the place from ourselves. */
  replaced?: () => Promise<boolean>;
}

const RESTART_AFTER_MS = 2_500;
const START_OVER_AFTER_MS = 8_000;
/** Connected for so long, and earlier failures are forgiven. */
const STEADY_MS = 10_000;
const WAIT_MAX_MS = 8_000;
/** Answers to an offer worth another attempt: the server is away or full, or nobody is there to be watched yet. */
const PASSING = [0, 409, 429, 500, 502, 503, 504];

/** How long to wait before the next attempt, milliseconds: 0.5 s doubling to 8 s. */
export const waitMs = (attempt: number) => Math.min(WAIT_MAX_MS, 500 * 2 ** Math.min(attempt, 10));

export class Connection {
  peer: RTCPeerConnection | null = null;
  #session: Session | null = null;
  #closed = false;
  #restarting = false;
  #attempt = 0;
  #connectedAtMs: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pending: string[] = [];

  constructor(private readonly options: ConnectionOptions) {
    addEventListener("pagehide", this.#leave);
    void this.#start();
  }

  close(): void {
    if (this.#closed) return;
    this.#end({ state: "closed" });
  }

  #leave = () => this.close();

  /** For good. */
  #end(status: Status): void {
    this.#closed = true;
    removeEventListener("pagehide", this.#leave);
    this.#drop();
    this.options.onStatus(status);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    if (this.#session) void endSession(this.#session, this.options.token);
    this.#session = null;
    this.#restarting = false;
    this.#pending = [];
    this.peer?.close();
    this.peer = null;
  }

  async #start(): Promise<void> {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.peer = peer;
    peer.onicecandidate = ({ candidate }) => this.#candidate(peer, candidate);
    peer.onconnectionstatechange = () => this.#changed(peer);
    try {
      this.options.prepare(peer);
      await peer.setLocalDescription();
      const session = await postOffer(this.options.endpoint, this.options.token, peer.localDescription?.sdp ?? "");
      if (this.peer !== peer) return void endSession(session, this.options.token);
      this.#session = session;
      await peer.setRemoteDescription({ type: "answer", sdp: session.answer });
      await this.#trickle(peer, peer.iceGatheringState === "complete");
      // A path that is never found shows as "failed", but only after half a minute.
      this.#again(peer, START_OVER_AFTER_MS, "No media came through.");
    } catch (error) {
      if (this.peer !== peer) return;
      const passing = error instanceof ApiError && PASSING.includes(error.status);
      if (passing) this.#startOver(messageOf(error));
      else this.#end({ state: "failed", why: messageOf(error) });
    }
  }

  #candidate(peer: RTCPeerConnection, candidate: RTCIceCandidate | null): void {
    if (this.peer !== peer) return;
    if (candidate?.candidate) this.#pending.push(candidate.candidate);
    if (this.#session && !this.#restarting) void this.#trickle(peer, candidate === null);
  }

  async #trickle(peer: RTCPeerConnection, complete: boolean): Promise<void> {
    const head = headOf(peer.localDescription?.sdp ?? "");
    const candidates = this.#pending.splice(0);
    if (!this.#session || !head || (candidates.length === 0 && !complete)) return;
    // The server is ICE-lite and learns our address from our checks: a lost candidate costs nothing.
    await patchCandidates(this.#session, this.options.token, fragment(head, candidates, complete)).catch(() => undefined);
  }

  #changed(peer: RTCPeerConnection): void {
    if (this.peer !== peer) return;
    switch (peer.connectionState) {
      case "connected":
        clearTimeout(this.#timer);
        this.#connectedAtMs = Date.now();
        this.options.onStatus({ state: "connected" });
        break;
      case "disconnected":
        if (this.#restarting) break;
        clearTimeout(this.#timer);
        this.options.onStatus({ state: "reconnecting", why: "The connection was interrupted." });
        this.#timer = setTimeout(() => void this.#restart(peer), RESTART_AFTER_MS);
        break;
      case "failed":
      case "closed":
        void this.#restart(peer);
        break;
    }
  }

  async #restart(peer: RTCPeerConnection): Promise<void> {
    if (this.peer !== peer || this.#restarting || !this.#session) return;
    clearTimeout(this.#timer);
    this.#restarting = true;
    const session = this.#session;
    this.options.onStatus({ state: "reconnecting", why: "The connection was interrupted." });
    try {
      await peer.setLocalDescription(await peer.createOffer({ iceRestart: true }));
      const head = headOf(peer.localDescription?.sdp ?? "");
      if (!head) throw new Error("no credentials of our own");
      const fresh = await patchRestart(session, this.options.token, fragment(head, [], false));
      if (this.peer !== peer) return;
      session.answer = restarted(session.answer, fresh);
      await peer.setRemoteDescription({ type: "answer", sdp: session.answer });
      this.#restarting = false;
      await this.#trickle(peer, peer.iceGatheringState === "complete");
      this.#again(peer, START_OVER_AFTER_MS, "The connection was lost.");
    } catch (error) {
      if (this.peer === peer) await this.#lost(peer, error);
    }
  }

  /** The restart came to nothing. */
  async #lost(peer: RTCPeerConnection, error: unknown): Promise<void> {
    const gone = error instanceof ApiError && error.status === 404;
    if (gone && (await this.options.replaced?.().catch(() => false)) && this.peer === peer) {
      return this.#end({ state: "failed", why: "You went on stage from somewhere else." });
    }
    if (this.peer === peer) this.#startOver(gone ? "The server ended the session." : messageOf(error));
  }

  /** Starts over unless the connection stands by then. */
  #again(peer: RTCPeerConnection, afterMs: number, why: string): void {
    if (this.peer !== peer || peer.connectionState === "connected") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.peer === peer && peer.connectionState !== "connected") this.#startOver(why);
    }, afterMs);
  }

  #startOver(why: string): void {
    this.#drop();
    if (this.#connectedAtMs !== null && Date.now() - this.#connectedAtMs >= STEADY_MS) this.#attempt = 0;
    this.#connectedAtMs = null;
    this.options.onStatus({ state: "reconnecting", why });
    this.#timer = setTimeout(() => void this.#start(), waitMs(this.#attempt++));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
