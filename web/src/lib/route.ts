//! Maps paths to pages and back. Pure; `ui/link.tsx` drives the browser's history.

export type Route = { page: "lobby" | "docs" } | { page: "watch" | "stage"; room: string } | { page: "missing" };

export function matchRoute(pathname: string): Route {
  if (/^\/+(index\.html)?$/.test(pathname)) return { page: "lobby" };
  if (/^\/docs\/?$/.test(pathname)) return { page: "docs" };
  const match = /^\/(watch|stage)\/([^/]+)\/?$/.exec(pathname);
  if (!match) return { page: "missing" };
  try {
    return { page: match[1] as "watch" | "stage", room: decodeURIComponent(match[2] ?? "") };
  } catch {
    return { page: "missing" };
  }
}

/** The watch page's path. A private room's playback token goes into the fragment, which browsers send to no server. */
export const watchPath = (room: string, token: string | null = null) =>
  `/watch/${encodeURIComponent(room)}${token ? `#t=${token}` : ""}`;
export const stagePath = (room: string) => `/stage/${encodeURIComponent(room)}`;

/** The token in a watch page's fragment: `#t=` is a playback token, `#token=` an access token. */
export function tokenInFragment(fragment: string): string | null {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  return words.get("t") || words.get("token") || null;
}

/** `?delivery=broadcast` on a watch page leaves the seats to others; `interactive` asks for one alone. */
export function deliveryInQuery(search: string): "interactive" | "broadcast" | null {
  const wish = new URLSearchParams(search).get("delivery");
  return wish === "interactive" || wish === "broadcast" ? wish : null;
}
