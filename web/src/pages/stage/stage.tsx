//! The stage: look at yourself first, then go on, and see and hear the others.

import { RoomContext } from "@livekit/components-react";
import { type Room as LiveRoom, RoomEvent } from "livekit-client";
import { useCallback, useEffect, useRef, useState } from "react";
import { type Room, fetchRoom } from "../../lib/api";
import { usePoll } from "../../lib/poll";
import { watchPath } from "../../lib/route";
import { Notice } from "../../ui/notice";
import { Green } from "./green";
import type { Media } from "./media";
import { OnAir } from "./on-air";
import { tokenFor } from "./pass";
import { publish, roomFor } from "./session";
import { type Farewell, deviceProblem, farewell } from "./words";

const POLL_MS = 2_000;

export default function Stage({ room }: { room: string }) {
  const [live, setLive] = useState<LiveRoom | null>(null);
  const [ended, setEnded] = useState<Farewell | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const ask = useCallback((signal: AbortSignal) => fetchRoom(room, signal), [room]);
  const { data, error } = usePoll<Room>(live ? null : ask, POLL_MS);
  const title = data?.title ?? room;
  useEffect(() => void (document.title = `Stage of ${title} · Spillway`), [title]);

  const current = useRef<LiveRoom | null>(null);
  useEffect(() => () => void current.current?.disconnect(), []);

  const join = async (name: string, { stream, release }: Media) => {
    if (!stream) return;
    const next = roomFor(stream);
    current.current = next;
    await next.connect(location.origin, await tokenFor(room, name));
    next.once(RoomEvent.Disconnected, (reason) => {
      setLive(null);
      setEnded(farewell(reason));
    });
    setProblem(null);
    release();
    publish(next, stream).catch((why: unknown) => setProblem(deviceProblem(why)));
    setLive(next);
  };

  if (ended) {
    return (
      <Notice title={ended.title}>
        <p>{ended.text}</p>
        <button type="button" className="button primary" onClick={() => setEnded(null)}>
          Come back
        </button>
      </Notice>
    );
  }
  if (!data) {
    return error ? <Notice title="This room cannot be reached">{error.message}</Notice> : <Notice title="Opening the room…" busy />;
  }
  return (
    <article className={live ? "stage live" : "stage"}>
      <div className="details-head">
        <h1>{title}</h1>
        <a href={watchPath(room)} className="quiet" target="_blank" rel="noreferrer">
          Watch the broadcast
        </a>
      </div>
      {live ? (
        <RoomContext.Provider value={live}>
          <OnAir problem={problem} onProblem={setProblem} />
        </RoomContext.Provider>
      ) : (
        <Green onJoin={join} stage={data.stage} />
      )}
    </article>
  );
}
