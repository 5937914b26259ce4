import { expect, test } from "vitest";
import { nameIn } from "./stage-token";

const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;

test("a token's name is read, whatever letters it has", () => {
  expect(nameIn(token({ sub: "eve", name: "Ève Müller 🎤" }))).toBe("Ève Müller 🎤");
});

test("a token that is missing, malformed or without a name gives no name", () => {
  for (const bad of [token({ sub: "eve" }), token({ name: "" }), token({ name: 7 }), token(null), "", "a.b", null]) {
    expect(nameIn(bad)).toBeNull();
  }
});
