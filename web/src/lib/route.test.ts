import { expect, test } from "vitest";
import { deliveryInQuery, matchRoute, stagePath, tokenInFragment, watchPath } from "./route";

test.each([
  ["/", { page: "lobby" }],
  ["/docs", { page: "docs" }],
  ["/watch/demo", { page: "watch", room: "demo" }],
  ["/stage/demo/", { page: "stage", room: "demo" }],
  ["/watch/", { page: "missing" }],
  ["/watch/a/b", { page: "missing" }],
  ["/watch/%ff", { page: "missing" }],
])("%s", (path, route) => expect(matchRoute(path)).toEqual(route));

test("a room's name goes into a path and comes back unchanged", () => {
  expect(matchRoute(watchPath("a b/ü"))).toEqual({ page: "watch", room: "a b/ü" });
  expect(matchRoute(stagePath("a b/ü"))).toEqual({ page: "stage", room: "a b/ü" });
});

test.each([
  ["#t=abc-_1", "abc-_1"],
  ["#token=a.b.c", "a.b.c"],
  ["#x=1&t=abc", "abc"],
  ["#t=", null],
  ["", null],
])("the fragment %s gives the token %s", (fragment, token) => expect(tokenInFragment(fragment)).toBe(token));

test("a link to a private room's page carries its token in the fragment", () => {
  expect(watchPath("demo", "abc")).toBe("/watch/demo#t=abc");
});

test("a watch page's query may name the delivery", () => {
  expect(deliveryInQuery("?delivery=broadcast")).toBe("broadcast");
  expect(deliveryInQuery("?delivery=interactive&x=1")).toBe("interactive");
  for (const none of ["", "?delivery=pigeon", "?d=broadcast"]) expect(deliveryInQuery(none)).toBeNull();
});
