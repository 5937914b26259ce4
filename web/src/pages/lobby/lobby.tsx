//! The lobby: all public rooms, live ones first.

import { useEffect } from "react";
import { type RoomSummary, fetchRooms } from "../../lib/api";
import { count, formatDuration, hueOf, initials } from "../../lib/format";
import { usePoll } from "../../lib/poll";
import { stagePath, watchPath } from "../../lib/route";
import { Link } from "../../ui/link";
import { Notice } from "../../ui/notice";
import "./lobby.css";

const POLL_MS = 4_000;

export function Lobby() {
  const { data, error } = usePoll(fetchRooms, POLL_MS);
  useEffect(() => void (document.title = "Spillway"), []);
  if (!data) {
    return error ? (
      <Notice title="The server does not answer">{error.message} Trying again…</Notice>
    ) : (
      <Notice title="Looking for rooms…" busy />
    );
  }
  const rooms = [...data].sort((a, b) => Number(b.live) - Number(a.live) || a.title.localeCompare(b.title));
  return (
    <section className="lobby">
      <div className="page-head">
        <h1>Rooms</h1>
        <p role="status">{error && <span className="badge badge-warn">Connection lost, trying again…</span>}</p>
      </div>
      {rooms.length === 0 ? (
        <Notice title="No rooms yet">
          Create one: <code>POST /v1/rooms</code> with <code>{'{"room": "my-room"}'}</code>. See the <Link href="/docs">HTTP API</Link>.
        </Notice>
      ) : (
        <ul className="lobby-cards">
          {rooms.map((room) => (
            <Card key={room.name} room={room} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Card({ room }: { room: RoomSummary }) {
  const since = room.liveSince ? Date.now() - Date.parse(room.liveSince) : Number.NaN;
  return (
    <li className="lobby-card">
      <Link href={watchPath(room.name)} className="lobby-card-art" aria-label={`Watch ${room.title}`} tabIndex={-1}>
        <span style={{ "--hue": hueOf(room.name) } as React.CSSProperties}>{initials(room.title)}</span>
        <b className={room.live ? "badge badge-live" : "badge"}>{room.live ? "Live" : "Off air"}</b>
      </Link>
      <div className="lobby-card-text">
        <h2>
          <Link href={watchPath(room.name)}>{room.title}</Link>
        </h2>
        <p>
          {count(room.speakerCount, "speaker")}
          {room.viewerCount !== null && `, ${count(room.viewerCount, "viewer")}`}
          {room.unverifiedCount > 0 && `, ${count(room.unverifiedCount, "other player")}`}
          {room.live && Number.isFinite(since) && ` · on the air ${since < 60_000 ? "since just now" : `for ${formatDuration(since)}`}`}
        </p>
        <Link href={stagePath(room.name)} className="link-quiet" aria-label={`Go on stage in ${room.title}`}>
          Go on stage
        </Link>
      </div>
    </li>
  );
}
