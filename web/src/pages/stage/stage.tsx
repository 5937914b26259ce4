//! The stage page: the green room first, then the stage.

import { RoomContext } from "@livekit/components-react";
import { type Room as LiveRoom, RoomEvent } from "livekit-client";
import { useCallback, useEffect, useRef, useState } from "react";
import { type RoomDetail, fetchRoom, isRefusal, roomDetail, tokenInPlaylist } from "../../lib/api";
import { usePoll } from "../../lib/poll";
import { watchPath } from "../../lib/route";
import { Notice } from "../../ui/notice";
import { GreenRoom } from "./green-room";
import type { Media } from "./media";
import { OnAir } from "./on-air";
import { givenToken, tokenFor } from "./stage-token";
import "./stage.css";
import { publish, roomFor } from "./publish";
import { type Farewell, deviceProblem, farewell } from "./messages";

const POLL_MS = 2_000;
/** On stage LiveKit's protocol announces the others; only the broadcast's state has to be polled. */
const POLL_ON_STAGE_MS = 15_000;

/** The room as the given token shows it. Joining with a token may create the room: a missing one counts as empty. */
async function lookAt(room: string, signal: AbortSignal): Promise<RoomDetail> {
  const token = givenToken();
  try {
    return await fetchRoom(room, token, signal);
  } catch (error) {
    if (token && isRefusal(error)) return roomDetail({}, room);
    throw error;
  }
}

export default function Stage({ room }: { room: string }) {
  const [live, setLive] = useState<LiveRoom | null>(null);
  const [ended, setEnded] = useState<Farewell | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const ask = useCallback((signal: AbortSignal) => lookAt(room, signal), [room]);
  const { data, error } = usePoll<RoomDetail>(ask, live ? POLL_ON_STAGE_MS : POLL_MS);
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
        <button type="button" className="button button-primary" onClick={() => setEnded(null)}>
          Come back
        </button>
      </Notice>
    );
  }
  if (!data) {
    if (isRefusal(error)) {
      return <Notice title="This room is private or does not exist">Ask its host for a link to its stage.</Notice>;
    }
    return error ? <Notice title="This room cannot be reached">{error.message}</Notice> : <Notice title="Opening the room…" busy />;
  }
  return (
    <article className={live ? "stage stage-live" : "stage"}>
      <div className="page-head">
        <h1>{title}</h1>
        {data.reason !== "broadcast_off" && (
          <a href={watchPath(room, tokenInPlaylist(data.playlist))} className="link-quiet" target="_blank" rel="noreferrer">
            Watch the broadcast
          </a>
        )}
      </div>
      {live ? (
        <RoomContext.Provider value={live}>
          <OnAir problem={problem} onProblem={setProblem} />
        </RoomContext.Provider>
      ) : (
        <GreenRoom onJoin={join} speakers={data.speakers} />
      )}
    </article>
  );
}
