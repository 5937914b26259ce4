//! The server's JSON, fetched and checked. Whatever is missing or of another type becomes a harmless default here, so no
//! page ever meets a surprise.

/** A row of `GET /v1/rooms`. */
export interface RoomRow {
  room: string;
  title: string;
  live: boolean;
  /** RFC 3339; `null` while not live. */
  liveSince: string | null;
  /** Why it is not live, in the server's word. */
  reason: string | null;
  speakers: number;
  /** Where the multivariant playlist is, with a token if it takes one; `null` while there is none. */
  playlist: string | null;
}

/** Somebody on the stage. */
export interface Participant {
  identity: string;
  name: string;
  audio: boolean;
  video: boolean;
}

/** `GET /v1/rooms/{room}`. */
export interface Room extends RoomRow {
  stage: Participant[];
}

/** A request that did not give what it should. `status` is 0 when there was no answer at all. */
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
export async function fetchRooms(signal?: AbortSignal): Promise<RoomRow[]> {
  const body = await getJson("/v1/rooms", signal);
  return list(record(body).rooms).map(roomRow).filter((row) => row.room !== "");
}

/**
 * `GET /v1/rooms/{room}`. A private room shows itself to whoever has a token for it, a playback token or an access token; without one it
 * answers 404, as a room does that does not exist.
 */
export async function fetchRoom(room: string, token: string | null, signal?: AbortSignal): Promise<Room> {
  const ask = async (bearer: string | null) => getJson(`/v1/rooms/${encodeURIComponent(room)}`, signal, bearer);
  try {
    return roomDetail(await ask(token), room);
  } catch (error) {
    // A token that has run out is worth no more than none, and the room may have been opened to everybody.
    if (token && isRefusal(error)) return roomDetail(await ask(null), room);
    throw error;
  }
}

/** There is no such room for whoever asked so: it does not exist, it is private, or the token does not hold. */
export const isRefusal = (error: unknown) => error instanceof ApiError && (error.status === 404 || error.status === 401);

/** The playback token in a playlist's URL; `null` where it takes none. */
export const tokenInPlaylist = (playlist: string | null) => /\/live\/t\/([^/]{60,})\//.exec(playlist ?? "")?.[1] ?? null;

/** `POST /v1/rooms/{room}/dev-token`: a token for the asking; only a server in demo mode has it (404 elsewhere). */
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

/** `GET /metrics`, as text. */
export async function fetchMetrics(signal?: AbortSignal): Promise<string> {
  return (await request("/metrics", { signal: signal ?? null })).text();
}

/** The checked form of a room; `fallback` names it if the body does not. */
export function roomDetail(body: unknown, fallback: string): Room {
  const row = roomRow({ room: fallback, ...record(body) });
  const stage = list(record(body).stage).map(participant).filter((one) => one.identity !== "");
  return { ...row, stage, speakers: Math.max(row.speakers, stage.length) };
}

function roomRow(value: unknown): RoomRow {
  const it = record(value);
  const room = text(it.room);
  return {
    room,
    title: text(it.title) || room,
    live: it.live === true,
    liveSince: text(it.live_since) || null,
    reason: text(it.reason) || null,
    speakers: typeof it.speakers === "number" ? it.speakers : 0,
    playlist: text(it.playlist) || null,
  };
}

function participant(value: unknown): Participant {
  const it = record(value);
  const identity = text(it.identity);
  return { identity, name: text(it.name) || identity, audio: it.audio === true, video: it.video === true };
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

/** The sentence of an `application/problem+json` (RFC 9457), or one made of the status. */
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
