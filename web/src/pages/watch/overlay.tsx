//! What lies over the picture: why there is none, or what to click for more.

import type { Player } from "../../player/player";
import type { Snapshot } from "../../player/snapshot";
import { Icon } from "../../ui/icon";

interface Words {
  title: string;
  text?: string;
  busy?: boolean;
}

/** What to say in each state; `null` while pictures move. */
export function wordsFor(shot: Pick<Snapshot, "phase" | "offline" | "unknownRoom" | "room">): Words | null {
  switch (shot.phase) {
    case "playing":
      return null;
    case "waiting":
      if (shot.unknownRoom) return { title: "This room is private or does not exist", text: "Whoever runs it can give you a link. Yours may have expired." };
      if (shot.offline) return { title: "The server does not answer", text: "Trying again…", busy: true };
      return notLive(shot.room?.reason ?? null);
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

/** Why a room that may be watched is not live, as the server says it. */
function notLive(reason: string | null): Words {
  switch (reason) {
    case "broadcast_off":
      return { title: "Not on the air", text: "This room's broadcast is switched off." };
    case "air_slots_taken":
      return { title: "Not live yet", text: "As many other rooms are on the air as this server bears. It starts here when one of them ends.", busy: true };
    case "starting":
      return { title: "Starting…", busy: true };
    default:
      return { title: "Not live yet", text: "It starts here by itself when somebody goes on stage.", busy: true };
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
