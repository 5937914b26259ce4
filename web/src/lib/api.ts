//! The server's JSON, fetched and checked. A field that is missing or of another type becomes a harmless default here:
//! pages meet only the types below.

/** A room as `GET /v1/rooms` lists it. */
export interface RoomSummary {
  name: string;
  title: string;
  live: boolean;
  /** RFC 3339; `null` while not live. */
  liveSince: string | null;
  /** The server's word for why it is not live; `null` while live. */
  reason: string | null;
  speakerCount: number;
  /** URL of the multivariant playlist, with a token if it takes one; `null` while there is none. */
  playlist: string | null;
}

/** A participant on stage: whether microphone and camera are sending. */
export interface Speaker {
  identity: string;
  name: string;
  audio: boolean;
  video: boolean;
}

/** A room as `GET /v1/rooms/{room}` describes it. */
export interface RoomDetail extends RoomSummary {
  speakers: Speaker[];
}

/** A request that failed. `status` is the HTTP status, 0 when the server did not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const TIMEOUT_MS = 8_000;

/** `GET /v1/rooms`. */
export async function fetchRooms(signal?: AbortSignal): Promise<RoomSummary[]> {
  const body = await getJson("/v1/rooms", signal);
  return list(record(body).rooms).map(roomSummary).filter((room) => room.name !== "");
}

/**
 * `GET /v1/rooms/{room}`. A private room answers only a playback token or an access token for it; without one the
 * server says 404, as it does for a room that does not exist.
 */
export async function fetchRoom(room: string, token: string | null, signal?: AbortSignal): Promise<RoomDetail> {
  const ask = async (bearer: string | null) => getJson(`/v1/rooms/${encodeURIComponent(room)}`, signal, bearer);
  try {
    return roomDetail(await ask(token), room);
  } catch (error) {
    // The token may have expired while the room was opened to everybody.
    if (token && isRefusal(error)) return roomDetail(await ask(null), room);
    throw error;
  }
}

/** The server shows no such room: the room does not exist, is private, or the token is not valid for it. */
export const isRefusal = (error: unknown) => error instanceof ApiError && (error.status === 404 || error.status === 401);

/** The playback token in a playlist's URL; `null` where it takes none. */
export const tokenInPlaylist = (playlist: string | null) => /\/live\/t\/([^/]{60,})\//.exec(playlist ?? "")?.[1] ?? null;

/** `POST /v1/rooms/{room}/dev-token`: a token for everybody who asks. Only a demo server has it; others say 404. */
export async function fetchDevToken(room: string, identity: string, name: string): Promise<string> {
  const response = await request(`/v1/rooms/${encodeURIComponent(room)}/dev-token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ identity, name }),
  });
  const token = record(await response.json().catch(() => null)).token;
  if (typeof token !== "string" || token === "") throw new ApiError(response.status, "The server's answer held no token.");
  return token;
}

/** `GET /openapi.json`, unchecked. */
export const fetchOpenApi = (signal?: AbortSignal) => getJson("/openapi.json", signal);

/** `GET /metrics`, as text. */
export async function fetchMetrics(signal?: AbortSignal): Promise<string> {
  return (await request("/metrics", { signal: signal ?? null })).text();
}

/** The checked form of a room; `fallback` is its name if the body has none. */
export function roomDetail(body: unknown, fallback: string): RoomDetail {
  const summary = roomSummary({ room: fallback, ...record(body) });
  const speakers = list(record(body).stage).map(speaker).filter((one) => one.identity !== "");
  return { ...summary, speakers, speakerCount: Math.max(summary.speakerCount, speakers.length) };
}

function roomSummary(value: unknown): RoomSummary {
  const fields = record(value);
  const name = text(fields.room);
  return {
    name,
    title: text(fields.title) || name,
    live: fields.live === true,
    liveSince: text(fields.live_since) || null,
    reason: text(fields.reason) || null,
    speakerCount: typeof fields.speakers === "number" ? fields.speakers : 0,
    playlist: text(fields.playlist) || null,
  };
}

function speaker(value: unknown): Speaker {
  const fields = record(value);
  const identity = text(fields.identity);
  return { identity, name: text(fields.name) || identity, audio: fields.audio === true, video: fields.video === true };
}

async function getJson(url: string, signal?: AbortSignal, bearer: string | null = null): Promise<unknown> {
  const headers: HeadersInit = bearer ? { authorization: `Bearer ${bearer}` } : {};
  const response = await request(url, { signal: signal ?? null, headers });
  try {
    return await response.json();
  } catch {
    throw new ApiError(response.status, "The server's answer was not JSON.");
  }
}

async function request(url: string, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal, cache: "no-store" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "The server could not be reached.");
  }
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return response;
}

/** The sentence in an `application/problem+json` (RFC 9457); without one, a sentence that names the status. */
export async function problemText(response: Response): Promise<string> {
  const body = record(await response.json().catch(() => null));
  return text(body.detail) || text(body.title) || `The server answered ${response.status}.`;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
