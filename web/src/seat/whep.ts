//! A WHEP session (draft-ietf-wish-whep): its requests, and no more. `seat.ts` has the peer connection.
//!
//! The server's answer holds all its candidates and ICE is lite there, so no candidate is trickled: the server learns
//! the viewer's address from the first check that comes from it.

import { ApiError, problemText } from "../lib/api";
import { iceServers, restartFragment, restartedAnswer } from "./sdp";

const TIMEOUT_MS = 8_000;
/** Bodies longer than this are no answer of ours. */
const ANSWER_CHARS_MAX = 1_000_000;

export class WhepSession {
  private constructor(
    private readonly url: string,
    private readonly token: string,
    /** The server's answer to the latest offer. */
    public answer: string,
    readonly iceServers: RTCIceServer[],
  ) {}

  /** POSTs an offer to `endpoint`. Throws an [`ApiError`] with the server's sentence. */
  static async start(endpoint: string, token: string, offer: string, signal: AbortSignal): Promise<WhepSession> {
    const response = await send("POST", endpoint, token, signal, "application/sdp", offer);
    const location = response.headers.get("location");
    if (!location) throw new ApiError(response.status, "The server named no session.");
    const url = new URL(location, new URL(response.url || endpoint, document.baseURI)).href;
    return new WhepSession(url, token, await bodyOf(response), iceServers(response.headers.get("link")));
  }

  /** Restarts ICE with the credentials of a new offer; `answer` is the new answer afterwards. */
  async restart(offer: string, signal: AbortSignal): Promise<void> {
    const fragment = restartFragment(offer);
    if (fragment === null) throw new ApiError(0, "The browser's offer has no ICE credentials.");
    const response = await send("PATCH", this.url, this.token, signal, "application/trickle-ice-sdpfrag", fragment);
    const restarted = restartedAnswer(this.answer, await bodyOf(response));
    if (restarted === null) throw new ApiError(response.status, "The server restarted no ICE.");
    this.answer = restarted;
  }

  /** Gives the seat back. A page that is being closed can still say so; a session that is gone needs no word. */
  end(): void {
    const headers = { authorization: `Bearer ${this.token}` };
    fetch(this.url, { method: "DELETE", headers, keepalive: true }).catch(() => undefined);
  }
}

async function send(
  method: string, url: string, token: string, signal: AbortSignal, type: string, body: string,
): Promise<Response> {
  const headers: Record<string, string> = { "content-type": type, authorization: `Bearer ${token}` };
  if (method === "PATCH") headers["if-match"] = "*";
  const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response: Response;
  try {
    response = await fetch(url, { method, headers, body, signal: either, cache: "no-store" });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, "The server could not be reached.");
  }
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return response;
}

async function bodyOf(response: Response): Promise<string> {
  const body = await response.text();
  if (body.length > ANSWER_CHARS_MAX) throw new ApiError(response.status, "The server's answer was too long.");
  return body;
}
