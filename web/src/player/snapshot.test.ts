import { expect, test } from "vitest";
import { type Snapshot, renditionsOf, sameSnapshot } from "./snapshot";

const LEVEL = { height: 720, frameRate: 30, bitrate: 1_800_000, url: ["720p.m3u8"] };
const SNAPSHOT: Snapshot = {
  phase: "playing", offline: false, room: null, unknownRoom: false, renditions: renditionsOf([LEVEL]), playing: 0, chosen: -1,
  latencySeconds: 0.8, targetSeconds: 0.75, clockUncertaintyMs: Number.POSITIVE_INFINITY, playbackRate: 1, bufferSeconds: 0.5,
  bandwidth: 5e6, droppedFrames: 0, atEdge: true, paused: false, muted: true, volume: 1, blocked: false,
};

test("snapshots with equal fields are the same, also where a value is infinite or no number", () => {
  expect(sameSnapshot(SNAPSHOT, { ...SNAPSHOT })).toBe(true);
  expect(sameSnapshot({ ...SNAPSHOT, bufferSeconds: Number.NaN }, { ...SNAPSHOT, bufferSeconds: Number.NaN })).toBe(true);
});

test("a snapshot differs when any one field does", () => {
  const other: Snapshot = {
    phase: "ended", offline: true, room: { ...ROOM }, unknownRoom: true, renditions: [], playing: 1, chosen: 0,
    latencySeconds: 0.9, targetSeconds: null, clockUncertaintyMs: 4, playbackRate: 1.05, bufferSeconds: 0.6,
    bandwidth: null, droppedFrames: 1, atEdge: false, paused: true, muted: false, volume: 0.5, blocked: true,
  };
  for (const field of Object.keys(SNAPSHOT) as (keyof Snapshot)[]) {
    expect(sameSnapshot(SNAPSHOT, { ...SNAPSHOT, [field]: other[field] }), field).toBe(false);
  }
});

const ROOM = { name: "demo", title: "Demo", live: true, liveSince: null, reason: null, speakerCount: 0, viewerCount: null, unverifiedCount: 0, playlist: null, speakers: [] };

test("snapshots are compared without reading what a room or a rendition holds", () => {
  const sealed = () => ({ ...ROOM, toJSON: () => expect.unreachable("a comparison five times a second must not stringify") });
  const room = sealed();
  expect(sameSnapshot({ ...SNAPSHOT, room }, { ...SNAPSHOT, room })).toBe(true);
  expect(sameSnapshot({ ...SNAPSHOT, room }, { ...SNAPSHOT, room: sealed() })).toBe(false);
});

test("a rendition keeps its place in the playlist and only the figures the page shows", () => {
  expect(renditionsOf([{ ...LEVEL, height: 360 }, LEVEL])).toEqual([
    { index: 0, height: 360, frameRate: 30, bitrate: 1_800_000 },
    { index: 1, height: 720, frameRate: 30, bitrate: 1_800_000 },
  ]);
});
