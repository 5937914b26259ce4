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

export const watchPath = (room: string) => `/watch/${encodeURIComponent(room)}`;
export const stagePath = (room: string) => `/stage/${encodeURIComponent(room)}`;
