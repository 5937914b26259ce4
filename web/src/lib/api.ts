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
  /** How many watch, by either path; `null` where the server does not say. */
  viewerCount: number | null;
  /** Players elsewhere that say they play it: no part of `viewerCount`, for anybody can say so. */
  unverifiedCount: number;
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
    /** When to ask again, by `Retry-After`, milliseconds; `null` if the server did not say. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** A path by which a viewer watches: `interactive` is a seat in the SFU, `broadcast` is LL-HLS. */
export type Delivery = "interactive" | "broadcast";

/** Where to watch, as `POST /v1/rooms/{room}/join` answers, and as the events socket tells in a move. */
export type JoinAnswer = {
  /** The server's word for why. */
  reason: string;
  /** The same for people, with what would change it. May be empty. */
  detail: string;
  /** To connect with, and to join again as the same viewer; `null`: the token that the viewer came with. */
  token: string | null;
  /** URL of the events socket; `null` where there is none. */
  events: string | null;
} & (
  | { delivery: "interactive"; whep: string; token: string }
  | { delivery: "broadcast"; playlist: string; ready: boolean; retryAfterMs: number | null }
);

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

/**
 * `POST /v1/rooms/{room}/join`, by `wish` alone or by what there is. `null`: the server has no such route, or no such
 * room for this viewer. A refusal (no seat and no broadcast) is an `ApiError` with the server's sentence.
 */
export async function join(room: string, token: string | null, wish: Delivery | null, signal?: AbortSignal): Promise<JoinAnswer | null> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const body = JSON.stringify(wish ? { delivery: wish } : {});
  try {
    const response = await request(`/v1/rooms/${encodeURIComponent(room)}/join`, { method: "POST", headers, body, signal: signal ?? null });
    return joinAnswer(await response.json().catch(() => null));
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return null;
    throw error;
  }
}

/** The checked form of a join's answer; `null` if it names no way to watch. */
export function joinAnswer(body: unknown): JoinAnswer | null {
  const fields = record(body);
  const common = {
    reason: text(fields.reason),
    detail: text(fields.detail),
    token: text(fields.token) || null,
    events: text(fields.events) || null,
  };
  if (fields.delivery === "interactive" && text(fields.whep) && common.token) {
    return { ...common, delivery: "interactive", whep: text(fields.whep), token: common.token };
  }
  if (fields.delivery !== "broadcast") return null;
  const wait = fields.retry_after_ms;
  const retryAfterMs = typeof wait === "number" && wait >= 0 ? wait : null;
  return { ...common, delivery: "broadcast", playlist: text(fields.playlist), ready: fields.ready !== false, retryAfterMs };
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
  const { total, unverified } = record(fields.presence);
  return {
    name,
    title: text(fields.title) || name,
    live: fields.live === true,
    liveSince: text(fields.live_since) || null,
    reason: text(fields.reason) || null,
    speakerCount: typeof fields.speakers === "number" ? fields.speakers : 0,
    viewerCount: typeof total === "number" && total >= 0 ? total : null,
    unverifiedCount: typeof unverified === "number" && unverified >= 0 ? unverified : 0,
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
  if (!response.ok) throw new ApiError(response.status, await problemText(response), retryAfterMs(response.headers));
  return response;
}

/** The sentence in an `application/problem+json` (RFC 9457); without one, a sentence that names the status. */
export async function problemText(response: Response): Promise<string> {
  const body = record(await response.json().catch(() => null));
  return text(body.detail) || text(body.title) || `The server answered ${response.status}.`;
}

/** `Retry-After` (RFC 9110 §10.2.3) in seconds, as this server sends it, in milliseconds; `null` without one. */
export function retryAfterMs(headers: Headers): number | null {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
