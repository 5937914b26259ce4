import { useEffect, useRef } from "react";
import { hueOf, initials } from "../../lib/format";

interface Props {
  stream: MediaStream | null;
  label: string;
  muted?: boolean;
  mirrored?: boolean;
  /** There is no picture: initials instead. */
  off?: boolean;
  note?: string | undefined;
}

/** One person's tile. */
export function Picture({ stream, label, muted = false, mirrored = false, off = false, note }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!video.current || video.current.srcObject === stream) return;
    video.current.srcObject = stream;
    // Refused only where sound needs a click first, and there has been one to come here.
    void video.current.play().catch(() => undefined);
  }, [stream]);
  return (
    <figure className="tile" style={{ "--hue": hueOf(label) } as React.CSSProperties}>
      <video ref={video} autoPlay playsInline muted={muted} className={mirrored ? "mirrored" : ""} hidden={off} />
      {(off || !stream) && <span className="face large">{initials(label)}</span>}
      <figcaption>
        {label}
        {note && <small>{note}</small>}
      </figcaption>
    </figure>
  );
}
