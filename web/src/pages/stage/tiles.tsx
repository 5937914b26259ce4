//! A box of equal tiles, as large as the box allows.

import type { TrackReferenceOrPlaceholder } from "@livekit/components-react";
import { type CSSProperties, useLayoutEffect, useRef, useState } from "react";
import { GAP, fit } from "./layout";
import { Tile } from "./tile";

export function Tiles({ tracks }: { tracks: TrackReferenceOrPlaceholder[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setSize(entry.contentRect));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const { columns, width } = fit(tracks.length, size.width, size.height);
  return (
    <div className="stage-tiles" ref={box}>
      <div style={{ gap: GAP, width: columns * width + (columns - 1) * GAP, "--tile-width": `${width}px` } as CSSProperties}>
        {tracks.map((track) => (
          <Tile key={`${track.participant.identity} ${track.source}`} track={track} />
        ))}
      </div>
    </div>
  );
}
