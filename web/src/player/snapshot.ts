//! The values that the watch page shows, and the comparison of two such sets. Pure. Made by `player.ts`.

import type { RoomDetail } from "../lib/api";
import type { Phase } from "./machine";

/** One quality of the broadcast. `index` counts the playlist's variants from 0; `bitrate` is in bits a second. */
export interface Rendition {
  index: number;
  height: number;
  frameRate: number;
  bitrate: number;
}

/** Everything the page shows. The player makes a new object whenever a field has changed. */
export interface Snapshot {
  phase: Phase;
  offline: boolean;
  room: RoomDetail | null;
  /** The room does not exist, or this viewer's token does not open it: the server gives the same answer to both. */
  unknownRoom: boolean;
  /** The same array until the playlist names other renditions. */
  renditions: readonly Rendition[];
  /** Index of the rendition on the screen; −1 before the first. */
  playing: number;
  /** Index of the rendition chosen by hand; −1: automatic. */
  chosen: number;
  /** From the camera to the screen, smoothed. */
  latencySeconds: number | null;
  targetSeconds: number | null;
  /** Half the width of the server clock's estimate; infinite before the first answer. */
  clockUncertaintyMs: number;
  playbackRate: number;
  bufferSeconds: number;
  /** Bits a second, by hls.js's estimate. */
  bandwidth: number | null;
  droppedFrames: number;
  atEdge: boolean;
  paused: boolean;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** The browser refused even muted playback: the viewer has to click. */
  blocked: boolean;
}

/** What the video element says of itself. */
export function videoFacts(video: HTMLVideoElement): Pick<Snapshot, "playbackRate" | "bufferSeconds" | "droppedFrames" | "paused"> {
  const { buffered, currentTime, playbackRate, paused } = video;
  const end = buffered.length > 0 ? buffered.end(buffered.length - 1) : currentTime;
  const droppedFrames = video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
  return { playbackRate, bufferSeconds: Math.max(0, end - currentTime), droppedFrames, paused };
}

/** The renditions that hls.js found in a playlist. */
export function renditionsOf(levels: readonly Omit<Rendition, "index">[]): Rendition[] {
  return levels.map(({ height, frameRate, bitrate }, index) => ({ index, height, frameRate, bitrate }));
}

/** Compares field by field. `room` and `renditions` are equal only as the same object: neither changes in place. */
export function sameSnapshot(a: Snapshot, b: Snapshot): boolean {
  const fields = Object.keys(b) as (keyof Snapshot)[];
  return fields.every((field) => Object.is(a[field], b[field]));
}
