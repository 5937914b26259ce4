//! The pictures of both paths, on each other. Both are laid out at any time: a browser stops pictures that nobody could
//! see, and a path must play before it is shown.

import { type RefObject, useLayoutEffect, useSyncExternalStore } from "react";
import type { Viewing } from "../../player/viewing";
import "./picture.css";

export interface Boxes {
  video: RefObject<HTMLVideoElement | null>;
  seat: RefObject<HTMLDivElement | null>;
}

export function Picture({ video, seat, player }: Boxes & { player: Viewing | null }) {
  return (
    <div className="picture" onClick={() => player?.togglePlay()}>
      <video ref={video} aria-label="The broadcast" autoPlay muted playsInline />
      <div className="picture-seat" ref={seat} role="group" aria-label="The stage" />
      {player && <Front player={player} seat={seat} />}
    </div>
  );
}

/** Brings the seat to the front, or sends it behind. */
function Front({ player, seat }: { player: Viewing; seat: Boxes["seat"] }) {
  const { shown } = useSyncExternalStore(player.subscribe, player.snapshot);
  useLayoutEffect(() => void seat.current?.toggleAttribute("data-shown", shown === "seat"), [seat, shown]);
  return null;
}
