//! The cross-fade of the two paths' sounds. Both play the same instant, so their shares sum to 1.

import type { Path } from "./handover";

export type Shares = Record<Path, number>;

/** The shares `elapsedMs` into a fade of `fadeMs` towards `to`. Pure. */
export function shares(to: Path, elapsedMs: number, fadeMs: number): Shares {
  const done = fadeMs > 0 ? Math.min(1, Math.max(0, elapsedMs / fadeMs)) : 1;
  return to === "seat" ? { seat: done, broadcast: 1 - done } : { seat: 1 - done, broadcast: done };
}

const STEP_MS = 10;

/** Applies shares until a fade is done; a new fade replaces the one before. */
export class Fade {
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly apply: (shares: Shares) => void) {}

  to(path: Path, fadeMs: number): void {
    this.stop();
    const startMs = performance.now();
    const tick = () => {
      const elapsedMs = performance.now() - startMs;
      this.apply(shares(path, elapsedMs, fadeMs));
      if (elapsedMs >= fadeMs) this.stop();
    };
    this.#timer = setInterval(tick, STEP_MS);
    tick();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
