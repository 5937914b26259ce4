//! Links that change the page without loading it anew, and the browser's present path.

import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

const CHANGED = "spillway:navigated";

function subscribe(listener: () => void): () => void {
  const events = ["popstate", "hashchange", CHANGED];
  for (const event of events) window.addEventListener(event, listener);
  return () => {
    for (const event of events) window.removeEventListener(event, listener);
  };
}

export const usePath = () => useSyncExternalStore(subscribe, () => location.pathname);

/** The address's fragment, with its `#`. */
export const useFragment = () => useSyncExternalStore(subscribe, () => location.hash);

export function navigate(path: string): void {
  history.pushState(null, "", path);
  window.dispatchEvent(new Event(CHANGED));
  window.scrollTo(0, 0);
}

export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent) => {
    // A click with a modifier key is for a new tab or window.
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
