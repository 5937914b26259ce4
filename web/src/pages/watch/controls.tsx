//! The bar under the picture.

import { type RefObject, useEffect } from "react";
import { formatSeconds, renditionLabel } from "../../lib/format";
import type { Viewing, ViewingSnapshot } from "../../player/viewing";
import { Icon } from "../../ui/icon";

export function Controls({ player, shot, frame }: { player: Viewing; shot: ViewingSnapshot; frame: RefObject<HTMLDivElement | null> }) {
  const fullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void frame.current?.requestFullscreen?.();
  };
  useKeys(player, shot, fullscreen);
  const playing = shot.phase === "playing";
  return (
    <div className="watch-controls">
      <button type="button" onClick={() => player.togglePlay()} aria-label={shot.paused ? "Play" : "Pause"} disabled={!playing}>
        <Icon name={shot.paused ? "play" : "pause"} />
      </button>
      <button type="button" onClick={() => player.setMuted(!shot.muted)} aria-label={shot.muted ? "Sound on" : "Sound off"}>
        <Icon name={shot.muted ? "muted" : "sound"} />
      </button>
      <input
        type="range"
        className="watch-volume"
        min="0"
        max="1"
        step="0.05"
        aria-label="Volume"
        value={shot.muted ? 0 : shot.volume}
        onChange={(event) => player.setVolume(Number(event.target.value))}
      />
      <button type="button" className="watch-live" data-edge={playing && shot.atEdge && !shot.paused} onClick={() => player.goLive()} disabled={!playing}>
        {shot.atEdge ? "Live" : "Go live"}
      </button>
      <span className="watch-latency" title="Latency, from the camera to this screen">
        {playing && shot.latencySeconds !== null && (
          <>
            {formatSeconds(shot.latencySeconds)} <span className="watch-word">behind live</span>
          </>
        )}
      </span>
      {shot.renditions.length > 1 && (
        <label className="watch-quality">
          <span className="visually-hidden">Quality</span>
          <select value={shot.chosen} onChange={(event) => player.choose(Number(event.target.value))}>
            <option value={-1}>{`Auto${shot.chosen < 0 && shot.renditions[shot.playing] ? ` (${label(shot, shot.playing)})` : ""}`}</option>
            {[...shot.renditions].reverse().map((rendition) => (
              <option key={rendition.index} value={rendition.index}>
                {renditionLabel(rendition)}
              </option>
            ))}
          </select>
        </label>
      )}
      <button type="button" onClick={fullscreen} aria-label="Full screen">
        <Icon name="fullscreen" />
      </button>
    </div>
  );
}

function label(shot: ViewingSnapshot, index: number): string {
  const rendition = shot.renditions[index];
  return rendition ? renditionLabel(rendition) : "";
}

/** Space or k plays and pauses, m mutes, l goes live, f fills the screen. */
function useKeys(player: Viewing, shot: ViewingSnapshot, fullscreen: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLElement && event.target.closest("input, select, button, a, textarea")) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { " ": () => player.togglePlay(), k: () => player.togglePlay(), m: () => player.setMuted(!shot.muted), l: () => player.goLive(), f: fullscreen }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  });
}
