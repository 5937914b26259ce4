//! The seat's pictures and sound in the page: one video element a participant, in a box that the page gives. The
//! browser mixes the sounds. Driven by `player/viewing.ts`.

import { grid } from "./grid";
import type { SeatStream } from "./seat";

export class SeatScreen {
  #tiles = new Map<string, HTMLVideoElement>();
  #volume = 0;
  #muted = true;
  #paused = false;
  /** The browser refused to play: the viewer has to click. */
  blocked = false;

  constructor(private readonly box: HTMLElement) {}

  get paused(): boolean {
    return this.#paused;
  }

  /** Shows these streams, in this order; those whose picture is not sent are heard alone. */
  show(streams: readonly SeatStream[]): void {
    for (const { id, stream } of streams) {
      const tile = this.#tiles.get(id) ?? this.#add(id, stream);
      // A new element starts with the tracks that the stream has by then.
      if (stream.getTracks().some((track) => !track.muted)) this.#play(tile);
    }
    const isSeen = ({ stream }: SeatStream) => stream.getVideoTracks().some((track) => !track.muted && track.readyState === "live");
    const seen = streams.filter(isSeen);
    const places = grid(seen.length);
    for (const one of streams) {
      const tile = this.#tiles.get(one.id);
      const place = places[seen.indexOf(one)];
      if (!tile) continue;
      // An element that shows nothing is transparent and not hidden: its sound goes on.
      tile.style.opacity = place ? "1" : "0";
      if (!place) continue;
      tile.style.left = `${place.left}%`;
      tile.style.top = `${place.top}%`;
      tile.style.width = tile.style.height = `${place.side}%`;
    }
  }

  /** 0 to 1. Where elements have no volume of their own, as on iOS, nothing sounds at 0 only. */
  setSound(volume: number, muted: boolean): void {
    this.#volume = volume;
    this.#muted = muted || volume === 0;
    for (const tile of this.#tiles.values()) this.#applySound(tile);
  }

  /** Pauses, or plays again from what is sent by then. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
    for (const tile of this.#tiles.values()) {
      if (paused) tile.pause();
      else this.#play(tile);
    }
  }

  clear(): void {
    for (const tile of this.#tiles.values()) {
      tile.srcObject = null;
      tile.remove();
    }
    this.#tiles.clear();
    this.#paused = this.blocked = false;
  }

  #add(id: string, stream: MediaStream): HTMLVideoElement {
    const tile = document.createElement("video");
    tile.playsInline = true;
    tile.style.opacity = "0";
    tile.srcObject = stream;
    this.#applySound(tile);
    this.#tiles.set(id, tile);
    this.box.append(tile);
    return tile;
  }

  #applySound(tile: HTMLVideoElement): void {
    tile.volume = this.#volume;
    tile.muted = this.#muted;
  }

  #play(tile: HTMLVideoElement): void {
    if (this.#paused || !tile.paused) return;
    tile.play().then(
      () => (this.blocked = false),
      (error: DOMException) => {
        if (error.name === "NotAllowedError") this.blocked = true;
      },
    );
  }
}
