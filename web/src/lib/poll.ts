//! Repeats a request: one at a time, none while the page is hidden, one at once when it is shown again.

import { useEffect, useState } from "react";

export interface Polled<T> {
  data: T | null;
  /** The last attempt's failure; `null` after a success. `data` keeps the last good answer. */
  error: Error | null;
}

export function usePoll<T>(ask: ((signal: AbortSignal) => Promise<T>) | null, everyMs: number): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({ data: null, error: null });
  useEffect(() => {
    if (!ask) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let busy = false;
    const tick = async () => {
      clearTimeout(timer);
      if (document.hidden || busy) return;
      busy = true;
      try {
        const data = await ask(abort.signal);
        if (!abort.signal.aborted) setPolled({ data, error: null });
      } catch (error) {
        if (!abort.signal.aborted) setPolled((last) => ({ data: last.data, error: error as Error }));
      }
      busy = false;
      // Jitter spreads the pages' requests after a server restart.
      if (!abort.signal.aborted) timer = setTimeout(tick, everyMs * (0.9 + Math.random() * 0.2));
    };
    const shown = () => void tick();
    document.addEventListener("visibilitychange", shown);
    void tick();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [ask, everyMs]);
  return polled;
}
