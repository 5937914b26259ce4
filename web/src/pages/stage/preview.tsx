//! The user's own picture in the green room.

import { type CSSProperties, useEffect, useRef } from "react";
import { hueOf, initials } from "../../lib/format";
import "./tile.css";

export function Preview({ stream, off }: { stream: MediaStream | null; off: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return (
    <figure className="tile" style={{ "--hue": hueOf("You") } as CSSProperties}>
      <video ref={video} autoPlay playsInline muted className="tile-mirrored" aria-label="Your camera" hidden={off} />
      {(off || !stream) && <span className="face tile-face" aria-hidden="true"><b>{initials("You")}</b></span>}
      <figcaption>You</figcaption>
    </figure>
  );
}
