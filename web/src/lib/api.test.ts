import { expect, test } from "vitest";
import { roomDetail, tokenInPlaylist } from "./api";

test("a sparse or hostile answer becomes a harmless room", () => {
  expect(roomDetail(null, "demo")).toEqual({
    name: "demo", title: "demo", live: false, liveSince: null, reason: null, speakerCount: 0, playlist: null, speakers: [],
  });
  expect(roomDetail({ live: "yes", stage: [{ name: "x" }, 7], speakers: "9" }, "demo").speakers).toEqual([]);
});

test("a speaker without a name goes by the identity", () => {
  const room = roomDetail({ room: "demo", title: "Demo", live: true, stage: [{ identity: "ada", audio: true }] }, "x");
  expect(room.title).toBe("Demo");
  expect(room.speakers).toEqual([{ identity: "ada", name: "ada", audio: true, video: false }]);
  expect(room.speakerCount).toBe(1);
});

test("a playlist's token is found where there is one", () => {
  const token = "A".repeat(67);
  expect(tokenInPlaylist(`https://cdn.example/live/t/${token}/demo/index.m3u8`)).toBe(token);
  for (const none of [null, "/live/demo/index.m3u8", "/live/t/index.m3u8", "/live/t/k3f9a1ab/720p.m3u8"]) {
    expect(tokenInPlaylist(none)).toBeNull();
  }
});
