//! The stage: look at yourself first, then go on, and see and hear the others.

import { useCallback, useEffect, useState } from "react";
import { type Room, fetchDevToken, fetchRoom } from "../../lib/api";
import { usePoll } from "../../lib/poll";
import { watchPath } from "../../lib/route";
import { Link } from "../../ui/link";
import { Notice } from "../../ui/notice";
import { Green } from "./green";
import { OnAir } from "./on-air";
import { useMedia } from "./media";
import type { Pass } from "./pass";

const POLL_MS = 2_000;

export default function Stage({ room }: { room: string }) {
  const ask = useCallback((signal: AbortSignal) => fetchRoom(room, signal), [room]);
  const { data, error } = usePoll<Room>(ask, POLL_MS);
  const media = useMedia();
  const [pass, setPass] = useState<Pass | null>(null);
  const [codec, setCodec] = useState<"VP8" | "H264">("VP8");
  const title = data?.title ?? room;
  useEffect(() => void (document.title = `Stage of ${title} · Spillway`), [title]);

  if (!data) {
    return error ? <Notice title="This room cannot be reached">{error.message}</Notice> : <Notice title="Opening the room…" busy />;
  }
  const join = async (name: string) => setPass(await passFor(room, name));
  return (
    <article className="stage">
      <div className="details-head">
        <h1>{title}</h1>
        <Link href={watchPath(room)} className="quiet">
          Watch the broadcast
        </Link>
      </div>
      {pass ? (
        <OnAir room={room} pass={pass} codec={codec} media={media} stage={data.stage} onLeave={() => setPass(null)} />
      ) : (
        <Green media={media} codec={codec} onCodec={setCodec} onJoin={join} stage={data.stage} />
      )}
    </article>
  );
}

/** A token of the address bar's fragment (`#token=…`), which servers never see; else a development server gives one. */
async function passFor(room: string, name: string): Promise<Pass> {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) return { identity: subjectOf(given) ?? name, name, token: given };
  const identity = `web-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? "0"}`;
  return { identity, name, token: await fetchDevToken(room, identity, name) };
}

/** Who a token says we are; the server checks it. */
function subjectOf(token: string): string | null {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))) as { sub?: unknown };
    return typeof claims.sub === "string" ? claims.sub : null;
  } catch {
    return null;
  }
}
