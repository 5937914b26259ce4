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

interface Options {
  /** Where offers go. */
  endpoint: string;
  token: string;
  /** Adds transceivers to a new connection. */
  prepare: (peer: RTCPeerConnection) => void;
  onStatus: (status: Status) => void;
}

const RESTART_AFTER_MS = 2_500;
const START_OVER_AFTER_MS = 8_000;
/** Worth another attempt: the server is away or full, or nobody is there to be watched yet. */
const PASSING = [0, 404, 409, 429, 500, 502, 503, 504];

export class Connection {
  peer: RTCPeerConnection | null = null;
  #session: Session | null = null;
  #closed = false;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pending: string[] = [];

  constructor(private readonly options: Options) {
    void this.#start();
    addEventListener("pagehide", this.#leave);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    removeEventListener("pagehide", this.#leave);
    this.#drop();
    this.options.onStatus({ state: "closed" });
  }

  #leave = () => this.close();

  #drop(): void {
    clearTimeout(this.#timer);
    if (this.#session) void endSession(this.#session, this.options.token);
    this.#session = null;
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
    } catch (error) {
      if (this.peer === peer) this.#failed(error);
    }
  }

  #candidate(peer: RTCPeerConnection, candidate: RTCIceCandidate | null): void {
    if (candidate?.candidate) this.#pending.push(candidate.candidate);
    if (this.peer === peer && this.#session) void this.#trickle(peer, candidate === null).catch(() => undefined);
  }

  async #trickle(peer: RTCPeerConnection, complete: boolean): Promise<void> {
    const head = headOf(peer.localDescription?.sdp ?? "");
    const candidates = this.#pending.splice(0);
    if (!this.#session || !head || (candidates.length === 0 && !complete)) return;
    // The server is ICE-lite and learns our address from our checks: a lost candidate costs nothing.
    await patchCandidates(this.#session, this.options.token, fragment(head, candidates, complete)).catch(() => undefined);
  }

  #changed(peer: RTCPeerConnection): void {
    if (this.peer !== peer || this.#closed) return;
    clearTimeout(this.#timer);
    switch (peer.connectionState) {
      case "connected":
        this.#attempt = 0;
        this.options.onStatus({ state: "connected" });
        break;
      case "disconnected":
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
    if (this.peer !== peer || !this.#session) return;
    try {
      peer.restartIce();
      const offer = await peer.createOffer({ iceRestart: true });
      await peer.setLocalDescription(offer);
      const head = headOf(peer.localDescription?.sdp ?? "");
      if (!head) throw new Error("no credentials of our own");
      const fresh = await patchRestart(this.#session, this.options.token, fragment(head, [], false));
      const answer = restarted(this.#session.answer, fresh);
      this.#session.answer = answer;
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
      this.#timer = setTimeout(() => {
        if (this.peer === peer && peer.connectionState !== "connected") this.#failed(new ApiError(0, "The connection was lost."));
      }, START_OVER_AFTER_MS);
    } catch (error) {
      if (this.peer === peer) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#drop();
    if (this.#closed) return;
    const why = error instanceof Error ? error.message : String(error);
    const passing = error instanceof ApiError && PASSING.includes(error.status);
    if (!passing) {
      this.options.onStatus({ state: "failed", why });
      return;
    }
    this.options.onStatus({ state: "reconnecting", why });
    const wait = Math.min(8_000, 500 * 2 ** this.#attempt++);
    this.#timer = setTimeout(() => void this.#start(), wait);
  }
}
