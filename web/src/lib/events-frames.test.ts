import { expect, test } from "vitest";
import { promoteOf, reconnectMs, resumeUrl, serverFrame } from "./events-frames";

const frame = (value: unknown) => serverFrame(JSON.stringify(value));
const presence = { interactive: 2, broadcast: 3, total: 5, peak: 9, by_class: {} };

test("a snapshot and a resumed connection greet alike", () => {
  const you = { identity: "guest-1", class: "anonymous", delivery: null, sid: "abc" };
  for (const type of ["snapshot", "resumed"]) {
    const room = { audience: { seats_max: 4, promote: "auto" } };
    expect(frame({ type, epoch: "e", offset: 7, presence, you, room })).toEqual({
      type: "welcome", position: { epoch: "e", offset: 7 }, presence: { interactive: 2, broadcast: 3, total: 5, peak: 9 }, identity: "guest-1", sid: "abc", promote: "auto",
    });
  }
});

test("a delivery tells the viewer to move, with a join's answer or without one", () => {
  const answer = { delivery: "broadcast", playlist: "/live/demo/index.m3u8", ready: true, reason: "room_full" };
  const told = frame({ type: "delivery", delivery: "broadcast", reason: "room_full", detail: "The room is full.", answer });
  expect(told).toMatchObject({ type: "delivery", delivery: "broadcast", sentence: "The room is full.", answer: { delivery: "broadcast", reason: "room_full" } });
  const kept = frame({ type: "delivery", delivery: "interactive", reason: "seat", detail: "A seat is free.", answer: null });
  expect(kept).toEqual({ type: "delivery", delivery: "interactive", sentence: "A seat is free.", answer: null });
  expect(frame({ type: "delivery", delivery: "elsewhere", answer: null })).toBeNull();
});

test("a room says whom it moves to its seats, or nothing", () => {
  for (const promote of ["ask", "auto", "never"]) expect(promoteOf({ audience: { promote } })).toBe(promote);
  for (const room of [null, {}, { audience: 1 }, { audience: { promote: "dance" } }]) expect(promoteOf(room)).toBeNull();
});

test("messages of later versions and nonsense are passed over", () => {
  for (const nonsense of ["", "7", "{", "[]", '{"type":"dance"}', new ArrayBuffer(2), undefined]) expect(serverFrame(nonsense)).toBeNull();
  expect(frame({ type: "presence", interactive: -1, broadcast: "x" })).toEqual({ type: "presence", presence: { interactive: 0, broadcast: 0, total: 0, peak: 0 } });
});

test("the wait to connect again doubles to half a minute, spreads, and keeps to what the server asks", () => {
  expect(reconnectMs(0, 0, null)).toBe(500);
  expect(reconnectMs(0, 1, null)).toBe(1_000);
  expect(reconnectMs(3, 1, null)).toBe(8_000);
  expect(reconnectMs(50, 1, null)).toBe(30_000);
  expect(reconnectMs(0, 0, 20_000)).toBe(20_500);
});

test("a connection goes on where the last one ended, with the token it was given", () => {
  const url = "ws://x/v1/rooms/demo/events?access_token=a.b.c";
  expect(resumeUrl(url, "http://x/watch/demo", null)).toBe(url);
  expect(resumeUrl(url, "http://x/watch/demo", { epoch: "e 1", offset: 4 })).toBe(`${url}&epoch=e+1&offset=4`);
  expect(resumeUrl("/v1/rooms/demo/events", "https://x/watch/demo", null)).toBe("wss://x/v1/rooms/demo/events");
});
