import { expect, test } from "vitest";
import {
  AHEAD_MS_MAX, BEHIND_MS_MAX, BLIND_MS_MAX, BROADCAST_START_MS_MAX, FADE_MS, type HandoverCommand, type HandoverEvent, type HandoverState,
  type Path, SEAT_START_MS_MAX, SPEED_MAX, handover, initialHandover,
} from "./handover";

const TICK_MS = 100;

/** A viewer and two paths in virtual time. `lag`s are milliseconds behind the live edge. */
class World {
  nowMs = 1_000_000;
  state: HandoverState = initialHandover(this.nowMs);
  commands: HandoverCommand[] = [];
  running = { seat: false, broadcast: false };
  broadcastLag = 900;
  seatNatural = 60;
  seatTarget: number | null = null;
  /** What the seat's jitter buffers have reached. */
  seatLag = 60;
  soundLag = 60;
  comesUp = { seat: true, broadcast: true };
  canDelay = true;
  /** The seat plays, and its browser does not say what. */
  isBlind = false;
  startedAt = { seat: 0, broadcast: 0 };
  /** Programme time on the screen at each tick. */
  seen: { atMs: number; programmeMs: number; path: Path }[] = [];

  send(event: HandoverEvent): this {
    const { state, commands } = handover(this.state, event, this.nowMs);
    this.state = state;
    for (const command of commands) this.#obey(command);
    this.commands.push(...commands);
    return this;
  }

  move(to: Path): this {
    return this.send({ type: "move", to });
  }

  run(ms: number): this {
    for (const until = this.nowMs + ms; this.nowMs < until; ) {
      this.nowMs += TICK_MS;
      const wanted = Math.max(this.seatNatural, this.seatTarget ?? 0);
      this.seatLag = this.canDelay ? wanted : this.seatNatural;
      this.soundLag += Math.max(-10, Math.min(10, this.seatLag - this.soundLag));
      const plays = (path: Path, afterMs: number) => this.running[path] && this.comesUp[path] && this.nowMs - this.startedAt[path] >= afterMs;
      const broadcastMs = this.nowMs - this.broadcastLag;
      this.send({
        type: "readings",
        seat: plays("seat", 2_000) && !this.isBlind ? { pictureMs: this.nowMs - this.seatLag, soundMs: this.nowMs - this.soundLag, delayMs: this.seatLag, canDelay: this.canDelay } : null,
        broadcast: plays("broadcast", 1_500) ? { pictureMs: broadcastMs, soundMs: broadcastMs } : null,
      });
      const { shown } = this.state;
      if (shown) this.seen.push({ atMs: this.nowMs, path: shown, programmeMs: this.nowMs - (shown === "seat" ? this.seatLag : this.broadcastLag) });
    }
    return this;
  }

  /** On a path, with no move under way. */
  settled(path: Path): this {
    this.move(path).run(40_000);
    expect(this.state).toMatchObject({ shown: path, move: null });
    this.commands = [];
    this.seen = [];
    return this;
  }

  get news(): string[] {
    return this.commands.flatMap((command) => (command.do === "tell" ? [`${command.news.kind} ${command.news.path}`] : []));
  }

  /** By how much the programme jumped between two ticks, beyond time that passed: least and greatest, milliseconds. */
  get jumps(): { least: number; greatest: number } {
    const jumps = this.seen.slice(1).map((one, index) => one.programmeMs - (this.seen[index]?.programmeMs ?? 0) - TICK_MS);
    return { least: Math.min(...jumps), greatest: Math.max(...jumps) };
  }

  #obey(command: HandoverCommand): void {
    if (command.do === "start") {
      this.running[command.path] = true;
      this.startedAt[command.path] = this.nowMs;
      if (command.path === "seat") this.seatTarget = this.state.shown === "broadcast" ? 700 : null;
    }
    if (command.do === "stop") this.running[command.path] = false;
    if (command.do === "delay") this.seatTarget = command.delayMs;
  }
}

/** One step of the seat's speed, and what the two paths may be apart. */
const STEP_MS = SPEED_MAX * TICK_MS + 0.001;

test("to the seat: nothing is skipped, and the seat comes forward slowly to its own delay", () => {
  const world = new World().settled("broadcast").move("seat").run(60_000);
  expect(world.state).toMatchObject({ shown: "seat", move: null, delayMs: null });
  expect(world.running).toEqual({ seat: true, broadcast: false });
  expect(world.news).toEqual(["arrived seat"]);
  expect(world.jumps.greatest).toBeLessThanOrEqual(AHEAD_MS_MAX + STEP_MS);
  expect(world.jumps.least).toBeGreaterThanOrEqual(-BEHIND_MS_MAX - STEP_MS);
  expect(world.seatLag).toBe(world.seatNatural);
});

test("to the broadcast: the seat slows until the broadcast is where it is", () => {
  const world = new World().settled("seat").move("broadcast").run(10_000);
  expect(world.state).toMatchObject({ shown: "seat", move: { phase: "aligning" } });
  world.run(20_000);
  expect(world.state).toMatchObject({ shown: "broadcast", move: null });
  expect(world.running).toEqual({ seat: false, broadcast: true });
  expect(world.jumps.greatest).toBeLessThanOrEqual(AHEAD_MS_MAX + STEP_MS);
  expect(world.jumps.least).toBeGreaterThanOrEqual(-BEHIND_MS_MAX - STEP_MS);
});

test.each([300, 900, 2_400, 3_900])("a hundred moves at a broadcast %d ms behind skip nothing", (lag) => {
  const world = new World();
  world.broadcastLag = lag;
  world.settled("broadcast");
  for (let move = 0; move < 100; move++) {
    world.move(move % 2 ? "broadcast" : "seat").run(2_000 + (move % 7) * 17_000);
  }
  expect(world.jumps.greatest).toBeLessThanOrEqual(AHEAD_MS_MAX + STEP_MS);
  expect(world.jumps.least).toBeGreaterThanOrEqual(-BEHIND_MS_MAX - STEP_MS);
});

test("sound that is still being stretched holds the move back", () => {
  const world = new World().settled("broadcast").move("seat").run(6_000);
  expect(world.state).toMatchObject({ shown: "broadcast", move: { to: "seat", phase: "aligning" } });
  expect(world.run(8_000).state.shown).toBe("seat");
});

test("a broadcast further behind than a seat can be delayed is repeated, not skipped", () => {
  const world = new World().settled("seat");
  world.broadcastLag = 5_000;
  world.move("broadcast").run(90_000);
  expect(world.state.shown).toBe("broadcast");
  expect(world.jumps.greatest).toBeLessThanOrEqual(0);
});

test("a path that does not come up leaves the viewer where they are", () => {
  const world = new World().settled("broadcast");
  world.comesUp.seat = false;
  world.move("seat").run(SEAT_START_MS_MAX + 1_000);
  expect(world.state).toMatchObject({ shown: "broadcast", move: null, delayMs: null });
  expect(world.news).toEqual(["failed seat"]);
  expect(world.running).toEqual({ seat: false, broadcast: true });

  const seated = new World().settled("seat");
  seated.comesUp.broadcast = false;
  seated.move("broadcast").run(BROADCAST_START_MS_MAX + 60_000);
  expect(seated.state).toMatchObject({ shown: "seat", move: null, delayMs: null });
  expect(seated.news).toEqual(["failed broadcast"]);
  expect(seated.jumps).toEqual({ least: -SPEED_MAX * TICK_MS, greatest: SPEED_MAX * TICK_MS });
});

test("a seat that breaks falls to the broadcast as soon as it plays", () => {
  const world = new World().settled("seat");
  world.running.seat = false;
  world.send({ type: "broken", path: "seat" }).run(2_000);
  expect(world.state.shown).toBe("broadcast");
  expect(world.news).toEqual(["cut broadcast"]);
  expect(world.commands).toContainEqual({ do: "show", path: "broadcast", fadeMs: 0 });
});

test("a seat that breaks without a broadcast leaves its player to go on trying", () => {
  const world = new World().settled("seat");
  world.comesUp.broadcast = false;
  world.send({ type: "broken", path: "seat" }).run(BROADCAST_START_MS_MAX + 1_000);
  expect(world.state).toMatchObject({ shown: "broadcast", move: null });
  expect(world.news).toEqual(["lost broadcast"]);
  expect(world.running.broadcast).toBe(true);
});

test("a seat that breaks on the way to the broadcast hurries the move", () => {
  const world = new World().settled("seat").move("broadcast").run(4_000);
  world.send({ type: "broken", path: "seat" }).run(TICK_MS);
  expect(world.state.shown).toBe("broadcast");
});

test("a seat that breaks before it is shown is given up at once", () => {
  const world = new World().settled("broadcast").move("seat").run(3_000).send({ type: "broken", path: "seat" });
  expect(world.state).toMatchObject({ shown: "broadcast", move: null });
  expect(world.news).toEqual(["failed seat"]);
});

test("a broadcast that breaks during a move shows the seat as soon as it plays", () => {
  const world = new World().settled("broadcast").move("seat").run(500);
  world.running.broadcast = false;
  world.send({ type: "broken", path: "broadcast" }).run(2_500);
  expect(world.state.shown).toBe("seat");
});

test("the first path is shown as it comes, and a first seat that does not come falls to the broadcast", () => {
  const world = new World().move("seat").run(2_100);
  expect(world.state.shown).toBe("seat");
  const without = new World();
  without.comesUp.seat = false;
  without.move("seat").run(SEAT_START_MS_MAX + 3_000);
  expect(without.state.shown).toBe("broadcast");
  expect(without.running.seat).toBe(false);
});

test("going back before the change stops the path that is not needed", () => {
  const world = new World().settled("seat").move("broadcast").run(5_000).move("seat").run(60_000);
  expect(world.running).toEqual({ seat: true, broadcast: false });
  expect(world.state).toMatchObject({ shown: "seat", move: null, delayMs: null });
  expect(world.news).toEqual([]);
});

test("a move during the cross-fade keeps the path that is shown", () => {
  const world = new World().settled("broadcast").move("seat");
  while (world.state.move?.phase !== "fading") world.run(TICK_MS);
  world.move("broadcast");
  expect(world.commands.filter((command) => command.do === "stop")).toEqual([]);
  world.run(FADE_MS + 40_000);
  expect(world.state).toMatchObject({ shown: "broadcast", move: null });
});

test("a seat that does not tell its instant is left for a broadcast that plays", () => {
  const world = new World().settled("seat");
  world.isBlind = true;
  world.move("broadcast").run(BLIND_MS_MAX);
  expect(world.state.shown).toBe("seat");
  expect(world.run(3_000).state.shown).toBe("broadcast");
});

test("a browser that cannot delay moves at once", () => {
  const world = new World().settled("broadcast");
  world.canDelay = false;
  world.move("seat").run(2_200);
  expect(world.state.shown).toBe("seat");
  world.run(1_000).move("broadcast").run(1_700);
  expect(world.state.shown).toBe("broadcast");
});
