//! A WHIP or WHEP session over HTTP (RFC 9725, draft-ietf-wish-whep): offer, trickled candidates, ICE restart, end.
//!
//! Knows no peer connection: texts go in and come out. Driven by `connection.ts`.

import { ApiError, problemText } from "../lib/api";

const SDP = "application/sdp";
const FRAGMENT = "application/trickle-ice-sdpfrag";
const TIMEOUT_MS = 8_000;

export interface Session {
  /** The session's URL, absolute. */
  url: string;
  /** Its ICE session, as the header had it; `null`: the server has none. */
  etag: string | null;
  answer: string;
}

/** POST of an offer. */
export async function postOffer(endpoint: string, token: string, offer: string): Promise<Session> {
  const response = await send(endpoint, "POST", token, { "content-type": SDP }, offer);
  if (response.status !== 201) throw new ApiError(response.status, "The server did not make a session.");
  const location = response.headers.get("location");
  if (!location) throw new ApiError(response.status, "The server's answer names no session.");
  return { url: resolve(location, response.url || endpoint), etag: response.headers.get("etag"), answer: await response.text() };
}

/** PATCH of candidates. A server that does not take them (405, 501) needs none: it finds us by itself. */
export async function patchCandidates(session: Session, token: string, fragment: string): Promise<void> {
  try {
    await send(session.url, "PATCH", token, { "content-type": FRAGMENT, ...(session.etag && { "if-match": session.etag }) }, fragment);
  } catch (error) {
    if (!(error instanceof ApiError) || ![405, 501].includes(error.status)) throw error;
  }
}

/** PATCH of new credentials: an ICE restart. Returns the server's fragment; the session's tag changes. */
export async function patchRestart(session: Session, token: string, fragment: string): Promise<string> {
  const response = await send(session.url, "PATCH", token, { "content-type": FRAGMENT, "if-match": "*" }, fragment);
  session.etag = response.headers.get("etag") ?? session.etag;
  return response.text();
}

/** DELETE. Whatever the answer, we are gone. `keepalive` lets it outlive the page. */
export async function endSession(session: Session, token: string): Promise<void> {
  await send(session.url, "DELETE", token, {}, null, true).catch(() => undefined);
}

/** `Location` may be relative (RFC 9110 §10.2.2). */
export function resolve(location: string, base: string): string {
  return new URL(location, new URL(base, globalThis.location?.href ?? "http://localhost/")).href;
}

async function send(url: string, method: string, token: string, headers: Record<string, string>, body: string | null, keepalive = false): Promise<Response> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(url, { method, headers: { authorization: `Bearer ${token}`, ...headers }, body, keepalive, signal });
  } catch {
    throw new ApiError(0, "The server could not be reached.");
  }
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return response;
}
