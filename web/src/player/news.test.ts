import { expect, test } from "vitest";
import { sentenceOf, standingOf } from "./news";

test("the line below the picture says where the viewer is, and how far behind live", () => {
  expect(standingOf("seat", 0.21, false)).toBe("You have a seat: 0.2 s behind live");
  expect(standingOf("broadcast", 0.9, true)).toBe("Broadcast: 0.9 s behind live; a seat may open");
  expect(standingOf("broadcast", 2.314, false)).toBe("Broadcast: 2.31 s behind live");
  expect(standingOf("seat", null, false)).toBe("You have a seat");
  expect(standingOf(null, 1, true)).toBeNull();
});

test("every end of a move has a sentence", () => {
  for (const kind of ["arrived", "cut", "failed", "lost"] as const) {
    for (const path of ["seat", "broadcast"] as const) expect(sentenceOf({ kind, path })).toMatch(/^[A-Z].*\.$/);
  }
});

test("a seat that is refused says why in the server's words", () => {
  expect(sentenceOf({ kind: "failed", path: "seat" }, "The room is full.")).toBe("The room is full. You stay with the broadcast.");
  expect(sentenceOf({ kind: "failed", path: "seat" }, "the token has expired")).toBe("The token has expired. You stay with the broadcast.");
});
