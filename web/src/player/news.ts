//! The sentences that tell a viewer of a move, and of where they are. Pure.

import { formatSeconds } from "../lib/format";
import type { News, Path } from "./handover";

/** The sentence at the end of a move; `reason` is a sentence for why a seat broke, or empty. */
export function sentenceOf({ kind, path }: News, reason = ""): string {
  const seat = path === "seat";
  switch (kind) {
    case "arrived":
      return seat ? "You have a seat now." : "You watch the broadcast now.";
    case "cut":
      return seat ? "The broadcast broke off. You have a seat now." : "Your seat was lost. This is the broadcast.";
    case "failed":
      return seat ? `${asSentence(reason) || "The seat could not be reached."} You stay with the broadcast.` : "The broadcast could not be reached. You keep your seat.";
    case "lost":
      return "Your seat was lost, and there is no broadcast right now.";
  }
}

/** The server's words begin small where they stand in a list. */
const asSentence = (words: string) => words && `${words.charAt(0).toUpperCase()}${words.slice(1).replace(/\.?$/, ".")}`;

/** The line below the picture. `null` before the first picture. */
export function standingOf(shown: Path | null, latencySeconds: number | null, mayMove: boolean): string | null {
  if (shown === null) return null;
  const behind = latencySeconds === null ? "" : `: ${latencySeconds < 0.95 ? `${latencySeconds.toFixed(1)} s` : formatSeconds(latencySeconds)} behind live`;
  if (shown === "seat") return `You have a seat${behind}`;
  return `Broadcast${behind}${mayMove ? "; a seat may open" : ""}`;
}
