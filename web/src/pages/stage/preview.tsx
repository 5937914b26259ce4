//! One's own picture in the green room.

import { type CSSProperties, useEffect, useRef } from "react";
import { hueOf, initials } from "../../lib/format";

export function Preview({ stream, off }: { stream: MediaStream | null; off: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return (
    <figure className="tile" style={{ "--hue": hueOf("You") } as CSSProperties}>
      <video ref={video} autoPlay playsInline muted className="mirrored" hidden={off} />
      {(off || !stream) && <span className="face large">{initials("You")}</span>}
      <figcaption>You</figcaption>
    </figure>
  );
}
