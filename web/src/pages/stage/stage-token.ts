//! What admits to the stage: a token of the address bar's fragment (`#token=…`), which servers never see; else one that a
//! development server gives.

import { fetchDevToken } from "../../lib/api";

export const givenToken = () => new URLSearchParams(location.hash.slice(1)).get("token");

export async function tokenFor(room: string, name: string): Promise<string> {
  const identity = `web-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? "0"}`;
  return givenToken() ?? fetchDevToken(room, identity, name);
}

/** The name that a token gives its bearer; the server checks the token. */
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
