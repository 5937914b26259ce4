//! Which page a path means. Pure; the browser's history is driven by `ui/link.tsx`.

export type Route = { page: "lobby" } | { page: "watch" | "stage"; room: string } | { page: "missing" };

export function matchRoute(pathname: string): Route {
  if (/^\/+(index\.html)?$/.test(pathname)) return { page: "lobby" };
  const match = /^\/(watch|stage)\/([^/]+)\/?$/.exec(pathname);
  if (!match) return { page: "missing" };
  try {
    return { page: match[1] as "watch" | "stage", room: decodeURIComponent(match[2] ?? "") };
  } catch {
    return { page: "missing" };
  }
}

/** With `token`, a playback token, a private room is watched; it stands in the fragment, which servers never see. */
export const watchPath = (room: string, token: string | null = null) =>
  `/watch/${encodeURIComponent(room)}${token ? `#t=${token}` : ""}`;
export const stagePath = (room: string) => `/stage/${encodeURIComponent(room)}`;

/** The token that a watch page's fragment gives: `#t=` a playback token, `#token=` an access token. */
export function tokenInFragment(fragment: string): string | null {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  return words.get("t") || words.get("token") || null;
}
