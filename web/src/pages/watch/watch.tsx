//! The watch page: the picture, the speakers on stage and the latency budget.

import { type RefObject, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { hueOf, initials } from "../../lib/format";
import { deliveryInQuery, stagePath } from "../../lib/route";
import { exposePlayer } from "../../player/page-handle";
import type { Snapshot } from "../../player/snapshot";
import { Viewing } from "../../player/viewing";
import { Link } from "../../ui/link";
import { Budget } from "./budget";
import { Controls } from "./controls";
import { Overlay } from "./overlay";
import { type Boxes, Picture } from "./picture";
import { Standing } from "./standing";
import "./watch.css";

export default function Watch({ room, token }: { room: string; token: string | null }) {
  const video = useRef<HTMLVideoElement>(null);
  const seat = useRef<HTMLDivElement>(null);
  const [player, setPlayer] = useState<Viewing | null>(null);
  useEffect(() => {
    if (!video.current || !seat.current) return;
    const created = new Viewing(video.current, seat.current, room, token, deliveryInQuery(location.search));
    const conceal = exposePlayer(created);
    setPlayer(created);
    return () => {
      created.destroy();
      conceal();
      setPlayer(null);
    };
  }, [room, token]);
  return (
    <article className="watch">
      <Screen video={video} seat={seat} player={player} />
      {player && <Details player={player} room={room} />}
    </article>
  );
}

function Screen({ player, ...boxes }: Boxes & { player: Viewing | null }) {
  const frame = useRef<HTMLDivElement>(null);
  return (
    <div className="watch-screen" ref={frame}>
      <Picture {...boxes} player={player} />
      {player && <Shown player={player} frame={frame} />}
    </div>
  );
}

function Shown({ player, frame }: { player: Viewing; frame: RefObject<HTMLDivElement | null> }) {
  const shot = useSyncExternalStore(player.subscribe, player.snapshot);
  return (
    <>
      <Overlay player={player} shot={shot} />
      <Controls player={player} shot={shot} frame={frame} />
    </>
  );
}

function Details({ player, room }: { player: Viewing; room: string }) {
  const shot = useSyncExternalStore(player.subscribe, player.snapshot);
  const title = shot.room?.title ?? room;
  useEffect(() => void (document.title = `${title} · Spillway`), [title]);
  return (
    <div className="watch-details">
      <div className="page-head">
        <h1>{title}</h1>
        <Link href={stagePath(room)} className="button">
          Go on stage
        </Link>
      </div>
      <Standing player={player} shot={shot} />
      <OnStage shot={shot} />
      <Budget shot={shot} />
    </div>
  );
}

function OnStage({ shot }: { shot: Snapshot }) {
  const speakers = shot.room?.speakers ?? [];
  if (speakers.length === 0) return <p className="watch-nobody">Nobody is on stage right now.</p>;
  return (
    <ul className="watch-people" aria-label="On stage">
      {speakers.map((one) => (
        <li key={one.identity}>
          <span className="face" style={{ "--hue": hueOf(one.identity) } as React.CSSProperties} aria-hidden="true">
            {initials(one.name)}
          </span>
          <span>{one.name}</span>
          {!one.video && <small>audio only</small>}
          {!one.audio && <small>no audio</small>}
        </li>
      ))}
    </ul>
  );
}
