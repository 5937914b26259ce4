//! The layer over the picture: a message while there is no picture, and the buttons that start play and sound.

import type { Viewing } from "../../player/viewing";
import type { Snapshot } from "../../player/snapshot";
import { Icon } from "../../ui/icon";

interface Message {
  title: string;
  text?: string;
  busy?: boolean;
}

/** The message of each phase; `null` while pictures move. */
export function messageFor(shot: Pick<Snapshot, "phase" | "offline" | "unknownRoom" | "room">): Message | null {
  switch (shot.phase) {
    case "playing":
      return null;
    case "waiting":
      if (shot.unknownRoom) return { title: "This room is private or does not exist", text: "Ask its host for a link. If you came by a link, it may have expired." };
      if (shot.offline) return { title: "The server does not answer", text: "Trying again…", busy: true };
      return notLive(shot.room?.reason ?? null);
    case "connecting":
    case "parked":
      return { title: "Connecting…", busy: true };
    case "reconnecting":
      return { title: "Reconnecting…", text: shot.offline ? "The server does not answer." : "The broadcast was interrupted.", busy: true };
    case "ended":
      return { title: "The broadcast has ended", text: "If it resumes, it plays here." };
    case "unsupported":
      return { title: "This browser cannot play the broadcast", text: "It supports neither Media Source Extensions nor HLS." };
  }
}

/** The message for a room that may be watched but is not live, by the server's `reason`. */
function notLive(reason: string | null): Message {
  switch (reason) {
    case "broadcast_off":
      return { title: "Not on the air", text: "This room's broadcast is switched off." };
    case "air_slots_taken":
      return { title: "Not live yet", text: "This server broadcasts as many rooms as it can. This one starts here when another ends.", busy: true };
    case "on_demand":
    case "starting":
      return { title: "Starting…", busy: true };
    default:
      return { title: "Not live yet", text: "The broadcast starts here when somebody goes on stage.", busy: true };
  }
}

export function Overlay({ player, shot }: { player: Viewing; shot: Snapshot }) {
  const message = messageFor(shot);
  return (
    <>
      {/* Always there: screen readers announce what changes inside a live region, not the region itself. */}
      <div role="status">
        {message && (
          <div className="watch-overlay">
            {message.busy && <span className="spinner" aria-hidden="true" />}
            <strong>{message.title}</strong>
            {message.text && <span>{message.text}</span>}
          </div>
        )}
      </div>
      {shot.phase === "playing" && shot.blocked && (
        <button type="button" className="watch-overlay watch-start" onClick={() => player.togglePlay()}>
          <Icon name="play" /> Play
        </button>
      )}
      {shot.phase === "playing" && shot.muted && !shot.blocked && (
        <button type="button" className="watch-unmute" onClick={() => player.setMuted(false)}>
          <Icon name="muted" /> Tap for sound
        </button>
      )}
    </>
  );
}
