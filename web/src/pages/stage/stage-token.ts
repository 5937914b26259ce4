//! The stage token: an access token that lets a user on stage. It comes from the address's fragment (`#token=…`), which
//! browsers send to no server, or else from a server in demo mode.

import { fetchDevToken } from "../../lib/api";

/** The token in the address's fragment; `null` if there is none. */
export const givenToken = () => new URLSearchParams(location.hash.slice(1)).get("token");

/** The given token; without one, a token for `name` under a random identity, from a server in demo mode. */
export async function tokenFor(room: string, name: string): Promise<string> {
  const identity = `web-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? "0"}`;
  return givenToken() ?? fetchDevToken(room, identity, name);
}

/** The name in a token's claims; `null` if there is none. The token is not verified here: the server does that. */
export function nameIn(token: string | null): string | null {
  try {
    const bytes = atob((token?.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
    const { name } = JSON.parse(text) as { name?: unknown };
    return typeof name === "string" && name !== "" ? name : null;
  } catch {
    return null;
  }
}
