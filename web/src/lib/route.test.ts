import { expect, test } from "vitest";
import { matchRoute, stagePath, watchPath } from "./route";

test.each([
  ["/", { page: "lobby" }],
  ["/watch/demo", { page: "watch", room: "demo" }],
  ["/stage/demo/", { page: "stage", room: "demo" }],
  ["/watch/", { page: "missing" }],
  ["/watch/a/b", { page: "missing" }],
  ["/watch/%ff", { page: "missing" }],
])("%s", (path, route) => expect(matchRoute(path)).toEqual(route));

test("a room's name survives the way through a path", () => {
  expect(matchRoute(watchPath("a b/ü"))).toEqual({ page: "watch", room: "a b/ü" });
  expect(matchRoute(stagePath("a b/ü"))).toEqual({ page: "stage", room: "a b/ü" });
});
