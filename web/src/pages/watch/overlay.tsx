//! What lies over the picture: why there is none, or what to click for more.

import type { Player, Snapshot } from "../../player/player";
import { Icon } from "../../ui/icon";

interface Words {
  title: string;
  text?: string;
  busy?: boolean;
}

/** What to say in each state; `null` while pictures move. */
export function wordsFor(shot: Pick<Snapshot, "phase" | "offline" | "unknownRoom">): Words | null {
  switch (shot.phase) {
    case "playing":
      return null;
    case "waiting":
      if (shot.unknownRoom) return { title: "There is no such room", text: "It may have been deleted, or the link is wrong." };
      if (shot.offline) return { title: "The server does not answer", text: "Trying again…", busy: true };
      return { title: "Not live yet", text: "It starts here by itself when somebody goes on stage.", busy: true };
    case "connecting":
      return { title: "Connecting…", busy: true };
    case "reconnecting":
      return { title: "Reconnecting…", text: shot.offline ? "The server does not answer." : "The broadcast was interrupted.", busy: true };
    case "ended":
      return { title: "The broadcast has ended", text: "If it comes back, it plays here." };
    case "unsupported":
      return { title: "This browser cannot play it", text: "It has neither Media Source Extensions nor HLS of its own." };
  }
}

export function Overlay({ player, shot }: { player: Player; shot: Snapshot }) {
  const words = wordsFor(shot);
  return (
    <>
      {words && (
        <div className="overlay" role="status">
          {words.busy && <span className="spinner" aria-hidden="true" />}
          <strong>{words.title}</strong>
          {words.text && <span>{words.text}</span>}
        </div>
      )}
      {shot.phase === "playing" && shot.blocked && (
        <button type="button" className="overlay big" onClick={() => player.togglePlay()}>
          <Icon name="play" /> Play
        </button>
      )}
      {shot.phase === "playing" && shot.muted && !shot.blocked && (
        <button type="button" className="unmute" onClick={() => player.setMuted(false)}>
          <Icon name="muted" /> Tap for sound
        </button>
      )}
    </>
  );
}
