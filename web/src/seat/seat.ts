//! One seat: a WHEP session and its peer connection.
//!
//! Offers sections to receive on, follows the connection, restarts ICE when it breaks, and reads what plays. The SFU
//! fills the sections in the order in which speakers joined. `screen.ts` shows the tracks; `handover.ts` decides.

import { ApiError } from "../lib/api";
import { type Memory, type Playout, type Stat, noMemory, playout } from "./playout";
import { WhepSession } from "./whep";

/** The tracks of one participant. `id` stays the same while the seat lasts. */
export interface SeatStream {
  id: string;
  stream: MediaStream;
}

/** How to get a seat. */
export interface SeatAccess {
  whep: string;
  token: string;
}

/** WHEP has no renegotiation: a seat has sections for speakers who come later, too. */
export const SPEAKERS_MIN = 4;
const SPEAKERS_MAX = 12;
/** A connection may be out of touch for so long before ICE restarts, milliseconds. */
const LOST_MS = 500;
/** A restart may take so long; so many follow each other. */
const RESTART_MS = 4_000;
const RESTARTS_MAX = 2;
/** The longest wait that Chromium lets a jitter buffer have, milliseconds. */
export const DELAY_MS_MAX = 4_000;

export class Seat {
  /** The participants' streams, in the order of the sections. */
  readonly streams: SeatStream[] = [];
  /** Can this browser's jitter buffers be given a target? */
  readonly canDelay: boolean;
  #peer: RTCPeerConnection;
  #session: WhepSession | null = null;
  #abort = new AbortController();
  #memory: Memory = noMemory;
  #delayMs: number | null;
  #restarts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly access: SeatAccess,
    speakers: number,
    /** First target of the jitter buffers, milliseconds; `null`: the browser's own. */
    delayMs: number | null,
    private readonly on: { streams: () => void; broken: (reason: string) => void },
  ) {
    this.canDelay = "jitterBufferTarget" in RTCRtpReceiver.prototype;
    this.#delayMs = delayMs;
    this.#peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#peer.ontrack = ({ track, streams }) => this.#onTrack(track, streams[0]);
    this.#peer.onconnectionstatechange = () => this.#onState();
    const sections = Math.min(SPEAKERS_MAX, Math.max(SPEAKERS_MIN, speakers + 2));
    for (let section = 0; section < sections; section++) {
      for (const kind of ["audio", "video"]) this.#peer.addTransceiver(kind, { direction: "recvonly" });
    }
    this.setDelay(delayMs);
    void this.#join();
  }

  /** Asks every jitter buffer to wait so long, milliseconds; `null`: as the browser likes. */
  setDelay(delayMs: number | null): void {
    this.#delayMs = delayMs;
    for (const receiver of this.#peer.getReceivers()) {
      if (this.canDelay) receiver.jitterBufferTarget = delayMs === null ? null : Math.min(DELAY_MS_MAX, Math.max(0, Math.round(delayMs)));
    }
  }

  /** What plays now. */
  async look(): Promise<Playout> {
    const stats: Stat[] = [];
    (await this.#peer.getStats()).forEach((stat: Stat) => stats.push(stat));
    const { playout: found, memory } = playout(stats, this.#memory);
    this.#memory = memory;
    return found;
  }

  /** Leaves the seat. */
  end(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#session?.end();
    this.#peer.close();
  }

  async #join(): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.#peer.setLocalDescription();
      const session = await WhepSession.start(this.access.whep, this.access.token, this.#offer(), signal);
      // The viewer left meanwhile: nobody else would give the seat back.
      if (signal.aborted) return session.end();
      this.#session = session;
      // For a restart: candidates of this offer are gathered already.
      if (session.iceServers.length > 0) this.#peer.setConfiguration({ ...this.#peer.getConfiguration(), iceServers: session.iceServers });
      await this.#peer.setRemoteDescription({ type: "answer", sdp: session.answer });
      this.setDelay(this.#delayMs);
      this.#watchTransport();
    } catch (error) {
      this.#break(error);
    }
  }

  /** A server that ends the session says so by DTLS; the connection's own state takes seconds to follow. */
  #watchTransport(): void {
    const transport = this.#peer.getReceivers()[0]?.transport;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed" || transport.state === "failed") this.#break(new ApiError(0, "The server ended the seat."));
    });
  }

  #offer(): string {
    return this.#peer.localDescription?.sdp ?? "";
  }

  #onTrack(track: MediaStreamTrack, from: MediaStream | undefined): void {
    const id = from?.id ?? track.id;
    const known = this.streams.find((one) => one.id === id);
    if (known) known.stream.addTrack(track);
    else this.streams.push({ id, stream: new MediaStream([track]) });
    for (const change of ["mute", "unmute", "ended"]) track.addEventListener(change, this.on.streams);
    this.on.streams();
  }

  #onState(): void {
    clearTimeout(this.#timer);
    switch (this.#peer.connectionState) {
      case "connected":
        this.#restarts = 0;
        break;
      case "disconnected":
        this.#timer = setTimeout(() => void this.#restart(), LOST_MS);
        break;
      case "failed":
        void this.#restart();
        break;
      case "closed":
        this.#break(new ApiError(0, "The connection was closed."));
    }
  }

  async #restart(): Promise<void> {
    const session = this.#session;
    if (!session || this.#restarts >= RESTARTS_MAX) return this.#break(new ApiError(0, "The connection broke."));
    this.#restarts += 1;
    this.#timer = setTimeout(() => void this.#restart(), RESTART_MS);
    try {
      this.#peer.restartIce();
      await this.#peer.setLocalDescription();
      await session.restart(this.#offer(), this.#abort.signal);
      await this.#peer.setRemoteDescription({ type: "answer", sdp: session.answer });
    } catch (error) {
      // The session is gone: the room was deleted, or the server began anew.
      this.#break(error);
    }
  }

  #break(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.end();
    this.on.broken(error instanceof ApiError ? error.message : "The seat could not be taken.");
  }
}
