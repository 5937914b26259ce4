import { expect, test } from "vitest";
import { type PlayState, type Playing, type Reporting, farewell, initialReporting, noteError, observe, playingOf, report } from "./report";
import type { Snapshot } from "./snapshot";

const NOW = 1_764_752_400_000;
const nothing: Playing = { sta: null, path: null, stalledMs: 0, freezes: 0, frozenMs: 0, kbps: null, latencyMs: null };

/** A page whose player stands as told, looked at every 200 ms. */
function page() {
  let state: Reporting = initialReporting(1);
  let nowMs = NOW;
  const lines: string[] = [];
  const pass = (forMs: number, sta: PlayState | null, more: Partial<Playing> = {}) => {
    const playing = { ...nothing, path: "broadcast" as const, sta, ...more };
    for (const until = nowMs + forMs; nowMs < until; nowMs += 200) {
      state = observe(state, playing, nowMs);
      const next = report(state, playing, "abc", "demo", nowMs);
      state = next.state;
      if (next.line) lines.push(next.line);
    }
    return lines.splice(0);
  };
  const leave = () => {
    const next = farewell(state, nothing, "abc", "demo", nowMs);
    state = next.state;
    return next.line;
  };
  return { pass, leave, fail: (word: string) => (state = noteError(state, word)) };
}

const key = (line: string | undefined, name: string) => new RegExp(`(?:^|,)${name}=([^,]*)`).exec(line ?? "")?.[1];

test("a report has the keys of the standard in their order", () => {
  const { pass, fail } = page();
  pass(1_000, "s");
  fail("net\"work");
  const [line] = pass(200, "p", { kbps: 3164.4, latencyMs: 812.4 });
  expect(line).toBe(`br=(3164),bsa=(0),bsda=(0),cid="demo",e=ps,ec=("net\\"work"),ltc=812,msd=1000,sf=h,sid="abc",sn=1,st=ll,sta=p,ts=${NOW + 1_000},v=2`);
});

test("the start-up time is told once, and is not the wait for a broadcast or for a click", () => {
  const { pass } = page();
  expect(pass(60_000, null)).toEqual([]);
  expect(pass(5_000, "d").map((line) => key(line, "sta"))).toEqual(["d"]);
  pass(800, "s");
  const lines = [...pass(2_000, "p"), ...pass(2_000, "a"), ...pass(2_000, "p")];
  expect(lines.map((line) => key(line, "msd"))).toEqual(["800", undefined, undefined]);
});

test("a player that goes on reports every half minute, the first time after a part of it", () => {
  const { pass } = page();
  const [first] = pass(1_000, "p");
  expect(key(first, "e")).toBe("ps");
  const lines = pass(90_000, "p");
  expect(lines.map((line) => key(line, "e"))).toEqual(["t", "t", "t"]);
  expect(lines.map((line) => key(line, "sn"))).toEqual(["1", "2", "3"]);
  expect([initialReporting(0).firstMs, initialReporting(1).firstMs]).toEqual([15_000, 30_000]);
});

test("stalls are summed, those too that are over before a report may be made", () => {
  const { pass } = page();
  pass(2_000, "p");
  const [stall] = pass(2_000, "r", { stalledMs: 500 });
  expect([key(stall, "sta"), key(stall, "bsa"), key(stall, "bsda")]).toEqual(["r", "(1)", "(500)"]);
  const [again] = pass(2_000, "p");
  expect([key(again, "sta"), key(again, "bsa"), key(again, "bsda")]).toEqual(["p", "(1)", "(2500)"]);
  // Five stalls of 200 ms in two seconds.
  const flapping = [0, 1, 2, 3, 4].flatMap(() => [...pass(200, "r"), ...pass(200, "p")]);
  expect(flapping.length).toBeLessThanOrEqual(2);
  const [interval] = pass(40_000, "p").slice(-1);
  expect([key(interval, "bsa"), key(interval, "bsda")]).toEqual(["(6)", "(3500)"]);
});

test("a seat's own freezes are stalls, and another seat counts anew", () => {
  const { pass } = page();
  pass(2_000, "p", { path: "seat", freezes: 2, frozenMs: 600 });
  pass(2_000, "p", { path: "broadcast" });
  const [line] = pass(40_000, "p", { path: "seat", freezes: 1, frozenMs: 200 });
  expect([key(line, "bsa"), key(line, "bsda"), key(line, "sf")]).toEqual(["(3)", "(800)", "o"]);
});

test("errors are told at once and bounded, also of a player that never began", () => {
  const { pass, fail } = page();
  for (let i = 0; i < 20; i++) fail("network");
  const [line] = pass(400, null);
  expect([key(line, "e"), key(line, "sta")]).toEqual(["e", undefined]);
  expect(key(line, "ec")?.split(" ").length).toBe(8);
  expect(pass(60_000, null)).toEqual([]);
});

test("a viewer who leaves says so once, and one who comes back goes on", () => {
  const { pass, leave } = page();
  expect(leave()).toBeNull();
  pass(2_000, "p");
  expect(key(leave() ?? "", "sta")).toBe("q");
  expect(leave()).toBeNull();
  expect(pass(2_000, "p").map((line) => key(line, "sta"))).toEqual(["p"]);
});

test("a page reports the state that it shows", () => {
  const renditions = [{ index: 0, height: 720, frameRate: 30, bitrate: 3_000_000 }];
  const shot = (more: Partial<Snapshot>) => ({ phase: "playing", paused: false, blocked: false, renditions, playing: 0, ...more }) as Snapshot;
  const sta = (more: Partial<Snapshot>, stalledMs = 0) => playingOf(shot(more), "broadcast", null, stalledMs, null).sta;
  expect([sta({}), sta({}, 400), sta({}, 600), sta({ paused: true }, 600), sta({ blocked: true, paused: true })]).toEqual(["p", "p", "r", "a", "d"]);
  expect([sta({ phase: "connecting" }), sta({ phase: "reconnecting" }), sta({ phase: "waiting" }), sta({ phase: "ended" })]).toEqual(["s", "r", null, null]);
  expect(playingOf(shot({}), "broadcast", null, 0, 0.9)).toMatchObject({ kbps: 3_000, latencyMs: 900, freezes: 0 });
  expect(playingOf(shot({ playing: -1 }), null, null, 0, null)).toMatchObject({ kbps: null, latencyMs: null });
  expect(playingOf(shot({}), "seat", { kbps: null, freezes: 3, frozenMs: 9 }, 0, null)).toMatchObject({ kbps: null, freezes: 3, frozenMs: 9 });
});

test("a broadcast that is over is told once", () => {
  const { pass, leave } = page();
  pass(2_000, "p");
  expect(pass(100_000, null).map((line) => key(line, "sta"))).toEqual(["e"]);
  expect(leave()).toBeNull();
  expect(pass(10_000, "s").map((line) => key(line, "sta"))).toEqual(["s"]);
});
