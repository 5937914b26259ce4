//! The events socket: connects, connects again where it left off, and remembers what this client last said.
//! `events-frames.ts` has the messages.

import { retryAfterMs } from "./api";
import { type ClientFrame, type Position, type ServerFrame, reconnectMs, resumeUrl, serverFrame } from "./events-frames";

const PROTOCOL = "spillway.v1.json";
/** A connection that lasted so long starts the back-off anew. */
const STEADY_MS = 10_000;

export class EventsSocket {
  #socket: WebSocket | null = null;
  #position: Position | null = null;
  #attempt = 0;
  #openedAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** The latest message of each type, which a new connection begins with. */
  #said = new Map<ClientFrame["type"], string>();

  constructor(
    private readonly url: string,
    private readonly onFrame: (frame: ServerFrame) => void,
  ) {
    this.#connect();
  }

  /** Sends a message now or on the next connection. The same message as before is not sent again. */
  say(frame: ClientFrame): void {
    const message = JSON.stringify(frame);
    if (this.#said.get(frame.type) === message) return;
    this.#said.set(frame.type, message);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect(): void {
    let socket: WebSocket;
    try {
      socket = new WebSocket(resumeUrl(this.url, document.baseURI, this.#position), PROTOCOL);
    } catch {
      return; // The server named no URL of a socket: there are no events.
    }
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#openedAtMs = Date.now();
      for (const message of this.#said.values()) socket.send(message);
    };
    socket.onmessage = ({ data }) => {
      const frame = serverFrame(data);
      if (!frame || this.#closed) return;
      if (frame.type === "welcome") this.#position = frame.position.epoch ? frame.position : null;
      if (frame.type === "events" && this.#position) this.#position = { ...this.#position, offset: frame.offset };
      this.onFrame(frame);
    };
    socket.onclose = () => {
      if (this.#closed) return;
      if (opened && Date.now() - this.#openedAtMs > STEADY_MS) this.#attempt = 0;
      void this.#again(opened);
    };
  }

  async #again(opened: boolean): Promise<void> {
    // A browser hides why a handshake failed; a plain request to the same URL is told.
    const refusal = opened ? null : await this.#refusal();
    if (this.#closed || refusal === "for good") return;
    const waitMs = reconnectMs(this.#attempt, Math.random(), refusal);
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#connect(), waitMs);
  }

  /** When to come again, milliseconds; `null`: the server does not say. */
  async #refusal(): Promise<number | null | "for good"> {
    try {
      const response = await fetch(resumeUrl(this.url, document.baseURI, null).replace(/^ws/, "http"), { cache: "no-store" });
      void response.body?.cancel();
      if ([401, 403, 404].includes(response.status)) return "for good";
      return retryAfterMs(response.headers);
    } catch {
      return null;
    }
  }
}
