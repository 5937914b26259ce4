import { expect, test } from "vitest";
import { type Command, type PlayerEvent, type PlayerState, backoffMs, initialState, step } from "./machine";

const A = "2026-01-01T10:00:00Z";
const B = "2026-01-01T11:00:00Z";
const live = (broadcast: string | null = A): PlayerEvent => ({ type: "room", live: true, broadcast });
const offAir: PlayerEvent = { type: "room", live: false, broadcast: null };
const trouble = (kind: "playlist-missing" | "media-missing" | "network" | "media"): PlayerEvent => ({ type: "trouble", kind });
const progress: PlayerEvent = { type: "progress" };

/** Plays `[time, event]` rows and gives the last state and all commands. */
function run(...rows: [number, PlayerEvent][]): { state: PlayerState; commands: Command[] } {
  let state = initialState(0, true);
  const commands: Command[] = [];
  for (const [nowMs, event] of rows) {
    const next = step(state, event, nowMs);
    state = next.state;
    commands.push(...next.commands);
  }
  return { state, commands };
}

test("a room that is not live is polled and plays by itself once it is", () => {
  const waiting = run([0, offAir]);
  expect(waiting.state).toMatchObject({ phase: "waiting", pollAtMs: 2_000 });
  const playing = run([0, offAir], [2_000, live()], [3_000, progress]);
  expect(playing.commands).toEqual(["load"]);
  expect(playing.state).toMatchObject({ phase: "playing", loading: false, broadcast: A });
});

test("a playlist that is announced but not there yet means waiting, not failing", () => {
  const { state } = run([0, live()], [100, trouble("playlist-missing")]);
  expect(state).toMatchObject({ phase: "waiting", pollAtMs: 1_100, attempt: 0 });
});

test("a restarted origin is polled until it answers, then loaded afresh", () => {
  const { state, commands } = run(
    [0, live()], [500, progress],
    [9_000, trouble("network")],
    [9_300, { type: "room-unreachable" }],
    [10_500, { type: "room-unreachable" }],
    [13_000, offAir],
    [14_000, live(B)],
  );
  expect(commands).toEqual(["load", "halt", "load"]);
  expect(state).toMatchObject({ phase: "reconnecting", loading: true, offline: false, broadcast: B });
  expect(step(state, progress, 15_000).state.phase).toBe("playing");
});

test("one missing fragment is ignored, a second within seconds means that the epoch is gone", () => {
  const one = run([0, live()], [500, progress], [9_000, trouble("media-missing")]);
  expect(one.state.phase).toBe("playing");
  expect(step(one.state, trouble("media-missing"), 9_200)).toMatchObject({ state: { phase: "reconnecting" }, commands: ["halt"] });
  expect(step(one.state, trouble("media-missing"), 60_000).state.phase).toBe("playing");
});

test("a missing media playlist while playing reloads at once", () => {
  const { state } = run([0, live()], [500, progress], [9_000, trouble("playlist-missing")]);
  expect(state).toMatchObject({ phase: "reconnecting", pollAtMs: 9_300 });
});

test("pictures from the old buffer do not end reconnecting", () => {
  const { state } = run([0, live()], [500, progress], [9_000, trouble("network")], [9_100, progress]);
  expect(state.phase).toBe("reconnecting");
});

test("a decoder error is recovered in place once, then by a fresh load", () => {
  const once = run([0, live()], [500, progress], [1_000, trouble("media")]);
  expect(once.commands).toEqual(["load", "recover-media"]);
  expect(step(once.state, trouble("media"), 2_000).state.phase).toBe("reconnecting");
});

test("a picture that stands still for 6 s is reloaded, a shorter stutter is not", () => {
  const { state } = run([0, live()], [500, progress]);
  expect(step(state, { type: "stalled", forMs: 2_000 }, 3_000).state.phase).toBe("playing");
  expect(step(state, { type: "stalled", forMs: 6_000 }, 7_000).state.phase).toBe("reconnecting");
});

test("a load without pictures times out and is retried, later each time", () => {
  const { state } = run([0, live()], [500, progress], [1_000, trouble("network")], [1_300, live()], [13_300, { type: "tick" }]);
  expect(state).toMatchObject({ phase: "reconnecting", loading: false, attempt: 2, pollAtMs: 13_300 + backoffMs(1) });
});

test("an ended broadcast is not played twice, the next one is", () => {
  const ended = run([0, live()], [500, progress], [9_000, { type: "end-of-stream" }], [13_000, live(A)]);
  expect(ended.state.phase).toBe("ended");
  expect(step(ended.state, live(B), 17_000).commands).toEqual(["load"]);
  const seen = run([0, live(null)], [500, progress], [9_000, { type: "end-of-stream" }], [13_000, offAir], [17_000, live(null)]);
  expect(seen.state.phase).toBe("connecting");
});

test("a broadcast that never comes back has ended", () => {
  const rows: [number, PlayerEvent][] = [[0, live()], [500, progress], [1_000, trouble("network")]];
  for (let t = 1_300; t <= 22_300; t += 1_000) rows.push([t, offAir]);
  expect(run(...rows).state.phase).toBe("ended");
});

test("a new broadcast in the same room replaces the one that plays", () => {
  const { state, commands } = run([0, live(A)], [500, progress], [30_500, live(B)]);
  expect(commands).toEqual(["load", "load"]);
  expect(state).toMatchObject({ phase: "reconnecting", loading: true });
});

test("pictures that hold for ten seconds forgive earlier failures", () => {
  const { state } = run([0, live()], [500, progress], [1_000, trouble("network")], [1_300, live()], [2_000, progress], [12_100, progress]);
  expect(state.attempt).toBe(0);
});

test("an unsupported browser gets no commands", () => {
  const state = initialState(0, false);
  expect(state).toMatchObject({ phase: "unsupported", pollAtMs: null });
  expect(step(state, live(), 1).commands).toEqual([]);
});

test("a parked player asks for the room and loads nothing until it is wanted again", () => {
  const parked = run([0, live()], [500, progress], [9_000, { type: "park" }], [9_100, live(B)], [24_100, trouble("network")]);
  expect(parked.commands).toEqual(["load", "unload"]);
  expect(parked.state).toMatchObject({ phase: "parked", pollAtMs: 24_100 });
  const wanted = step(parked.state, { type: "unpark" }, 30_000);
  expect(wanted.state).toMatchObject({ phase: "waiting", pollAtMs: 30_000 });
  expect(step(wanted.state, live(B), 30_100).commands).toEqual(["load"]);
});
