import { expect, test } from "vitest";
import { joinAnswer, retryAfterMs, roomDetail, tokenInPlaylist } from "./api";

test("a sparse or hostile answer becomes a harmless room", () => {
  expect(roomDetail(null, "demo")).toEqual({
    name: "demo", title: "demo", live: false, liveSince: null, reason: null, speakerCount: 0, viewerCount: null, unverifiedCount: 0, playlist: null, speakers: [],
  });
  expect(roomDetail({ live: "yes", stage: [{ name: "x" }, 7], speakers: "9" }, "demo").speakers).toEqual([]);
});

test("a speaker without a name goes by the identity", () => {
  const room = roomDetail({ room: "demo", title: "Demo", live: true, stage: [{ identity: "ada", audio: true }] }, "x");
  expect(room.title).toBe("Demo");
  expect(room.speakers).toEqual([{ identity: "ada", name: "ada", audio: true, video: false }]);
  expect(room.speakerCount).toBe(1);
});

test("a room says how many watch where its server counts them", () => {
  expect(roomDetail({ presence: { total: 12 } }, "demo")).toMatchObject({ viewerCount: 12, unverifiedCount: 0 });
  expect(roomDetail({ presence: { total: 0, unverified: 3 } }, "demo")).toMatchObject({ viewerCount: 0, unverifiedCount: 3 });
  for (const presence of [null, {}, { total: "12" }, { total: -1 }]) expect(roomDetail({ presence }, "demo").viewerCount).toBeNull();
});

test("a playlist's token is found where there is one", () => {
  const token = "A".repeat(67);
  expect(tokenInPlaylist(`https://cdn.example/live/t/${token}/demo/index.m3u8`)).toBe(token);
  for (const none of [null, "/live/demo/index.m3u8", "/live/t/index.m3u8", "/live/t/k3f9a1ab/720p.m3u8"]) {
    expect(tokenInPlaylist(none)).toBeNull();
  }
});

test("a join's answer names a seat with a token or a broadcast, or it is none", () => {
  const seat = { delivery: "interactive", url: "ws://x", token: "t", whep: "/whep/demo", events: "ws://x/e", reason: "seat" };
  expect(joinAnswer(seat)).toEqual({ delivery: "interactive", whep: "/whep/demo", token: "t", events: "ws://x/e", reason: "seat", detail: "" });
  const broadcast = { delivery: "broadcast", playlist: "/live/demo/index.m3u8", ready: false, retry_after_ms: 1500, reason: "room_full", detail: "Full." };
  expect(joinAnswer(broadcast)).toEqual({
    delivery: "broadcast", playlist: "/live/demo/index.m3u8", ready: false, retryAfterMs: 1500, reason: "room_full", detail: "Full.", token: null, events: null,
  });
  for (const nonsense of [null, 7, {}, { delivery: "pigeon" }, { ...seat, token: "" }, { ...seat, whep: 3 }]) expect(joinAnswer(nonsense)).toBeNull();
});

test("when to ask again is read in seconds and otherwise unknown", () => {
  expect(retryAfterMs(new Headers({ "retry-after": "2" }))).toBe(2_000);
  for (const none of [new Headers(), new Headers({ "retry-after": "soon" }), new Headers({ "retry-after": "-1" })]) expect(retryAfterMs(none)).toBeNull();
});
