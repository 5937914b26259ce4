import { expect, test } from "vitest";
import { formatBitrate, formatDuration, formatSeconds, hueOf, initials, renditionLabel, roomSlug } from "./format";

test.each([
  [2_500_000, "2.5 Mbit/s"],
  [3_000_000, "3 Mbit/s"],
  [64_000, "64 kbit/s"],
  [0, "–"],
  [Number.NaN, "–"],
])("bitrate %d reads %s", (bits, text) => expect(formatBitrate(bits)).toBe(text));

test.each([
  [0.0021, "2.1 ms"],
  [0.042, "42 ms"],
  [0.9996, "1.00 s"],
  [1.234, "1.23 s"],
  [12.34, "12.3 s"],
  [-0.05, "−50 ms"],
  [null, "–"],
])("latency %s reads %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

test.each([
  [5_000, "just now"],
  [240_000, "4 min"],
  [7_200_000, "2 h"],
  [7_500_000, "2 h 5 min"],
  [3 * 86_400_000, "3 days"],
])("duration %d reads %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

test("a rendition is named by its height, and by its frame rate only when that is unusual", () => {
  expect(renditionLabel({ height: 720, frameRate: 30, bitrate: 1 })).toBe("720p");
  expect(renditionLabel({ height: 1080, frameRate: 59.94, bitrate: 1 })).toBe("1080p60");
  expect(renditionLabel({ bitrate: 128_000 })).toBe("128 kbit/s");
});

test("initials and hues are stable", () => {
  expect(initials("Ada Lovelace")).toBe("AL");
  expect(initials("grace")).toBe("G");
  expect(initials("")).toBe("?");
  expect(hueOf("demo")).toBe(hueOf("demo"));
});

test("any text becomes a room name that is safe in a path", () => {
  expect(roomSlug("  Fête d’été 2026! ")).toBe("fete-d-ete-2026");
  expect(roomSlug("../../etc")).toBe("etc");
  expect(roomSlug("x".repeat(99))).toHaveLength(64);
});
