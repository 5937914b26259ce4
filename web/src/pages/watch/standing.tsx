//! Where the viewer sits, why, and the button that asks for the other path.

import { count } from "../../lib/format";
import { standingOf } from "../../player/news";
import type { Viewing, ViewingSnapshot } from "../../player/viewing";
import "./standing.css";

export function Standing({ player, shot }: { player: Viewing; shot: ViewingSnapshot }) {
  const line = shot.phase === "playing" ? standingOf(shot.shown, shot.latencySeconds, shot.mayMove) : null;
  return (
    <section className="standing" data-path={shot.shown ?? "none"} aria-label="How you watch">
      <p className="standing-line">
        {line}
        {shot.moving && <span className="standing-moving">{shot.moving === "seat" ? "Moving to a seat…" : "Moving to the broadcast…"}</span>}
      </p>
      <Choice player={player} shot={shot} />
      {/* Only news are announced: the line above changes with every picture. */}
      <p className="standing-news" role="status">
        {shot.notice}
      </p>
      {shot.presence && shot.presence.total > 0 && (
        <p className="standing-presence">
          {count(shot.presence.total, "viewer")}: {shot.presence.interactive} in seats, {shot.presence.broadcast} on the broadcast
        </p>
      )}
    </section>
  );
}

/** One button at most. It stays in its place through a move, so that whoever is on it by keyboard stays on it. */
function Choice({ player, shot }: { player: Viewing; shot: ViewingSnapshot }) {
  const choice = choiceOf(shot);
  if (!choice) return null;
  const act = { ask: () => player.askForSeat(), wait: () => player.askForSeat(false), leave: () => player.leaveSeat() }[choice.act];
  return (
    <button type="button" className={choice.act === "wait" ? "button button-on" : "button"} onClick={() => void act()}>
      {choice.label}
    </button>
  );
}

function choiceOf(shot: ViewingSnapshot): { act: "ask" | "wait" | "leave"; label: string } | null {
  if (shot.shown === "seat" && shot.mayLeave) return shot.moving ? { act: "ask", label: "Keep the seat" } : { act: "leave", label: "Give up the seat" };
  if (!shot.mayAsk) return null;
  if (shot.moving === "seat") return { act: "leave", label: "Stay with the broadcast" };
  return shot.isWaiting ? { act: "wait", label: "Stop waiting for a seat" } : { act: "ask", label: "Ask for a seat" };
}
