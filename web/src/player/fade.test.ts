import { expect, test } from "vitest";
import { shares } from "./fade";

test("one sound replaces the other at the same loudness in sum", () => {
  expect(shares("seat", 0, 150)).toEqual({ seat: 0, broadcast: 1 });
  expect(shares("broadcast", 75, 150)).toEqual({ seat: 0.5, broadcast: 0.5 });
  expect(shares("seat", 900, 150)).toEqual({ seat: 1, broadcast: 0 });
  expect(shares("broadcast", 0, 0)).toEqual({ seat: 0, broadcast: 1 });
});
