import { expect, test } from "vitest";
import { curlOf, readDocument, readSchema } from "./document";

const DOCUMENT = {
  info: { title: "Spillway", version: "1.2.3", description: "Words." },
  tags: [{ name: "Rooms", description: "About rooms.", externalDocs: { url: "https://x.example/" } }, { name: "Empty" }],
  paths: {
    "/v1/rooms/{room}": {
      patch: {
        tags: ["Rooms"],
        operationId: "change_room",
        summary: "Change a room.",
        parameters: [{ name: "room", in: "path", required: true, schema: { $ref: "#/components/schemas/RoomName" } }],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/ChangeRoom" } } } },
        security: [{ accessToken: [] }],
        responses: { "404": { $ref: "#/components/responses/NotFound" } },
      },
      get: { tags: ["Rooms"], operationId: "get_room", security: [{}, { accessToken: [] }] },
    },
  },
  components: {
    schemas: {
      RoomName: { type: "string", pattern: "^[a-z]+$" },
      ChangeRoom: { type: "object", example: { title: "Hall" }, properties: { title: { type: ["string", "null"] } } },
    },
    responses: { NotFound: { description: "No such room.", headers: { "Retry-After": { description: "Seconds." } } } },
    securitySchemes: { accessToken: { description: "An access token." } },
  },
};

test("operations come by chapter, with references followed", () => {
  const { chapters, schemas, version } = readDocument(DOCUMENT);
  expect([version, chapters.map((chapter) => chapter.operations.map((one) => one.id)), chapters[0]?.link]).toEqual([
    "1.2.3",
    [["get_room", "change_room"], []],
    "https://x.example/",
  ]);
  const [look, change] = chapters[0]?.operations ?? [];
  expect([look?.needsToken, look?.access, change?.needsToken]).toEqual([false, ["An access token."], true]);
  expect(change?.summary).toBe("Change a room");
  expect(change?.parameters[0]?.schema).toMatchObject({ type: "RoomName", reference: "RoomName" });
  expect(change?.answers).toEqual([
    { status: "404", description: "No such room.", headers: [{ name: "Retry-After", description: "Seconds." }], bodies: [] },
  ]);
  expect(change?.bodies[0]?.example).toEqual({ title: "Hall" });
  expect(change?.bodies[0]?.schema).toMatchObject({ reference: "ChangeRoom", fields: [{ name: "title" }] });
  expect(schemas.map((one) => one.name)).toEqual(["RoomName", "ChangeRoom"]);
});

test.each([
  [{ type: "string" }, "text"],
  [{ type: ["string", "null"] }, "text or null"],
  [{ type: "array", items: { $ref: "#/components/schemas/Speaker" } }, "list of Speaker"],
  [{ type: ["array", "null"], items: { type: "integer" } }, "list of number or null"],
  [{ oneOf: [{ type: "null" }, { $ref: "#/components/schemas/Layout" }] }, "Layout or null"],
  [{ oneOf: [{ type: "string" }, { type: "object" }] }, "one of"],
  [{}, "anything"],
  [7, "anything"],
])("schema %j is called %s", (schema, type) => expect(readSchema(schema).type).toBe(type));

test("bounds are told in words", () => {
  expect(readSchema({ type: "integer", minimum: 1, maximum: 9 }).bounds).toBe("1 to 9");
  expect(readSchema({ type: "string", format: "date-time" }).bounds).toBe("date-time");
});

test("curl sends a token where one is needed, and the example", () => {
  const [look, change] = readDocument(DOCUMENT).chapters[0]?.operations ?? [];
  expect(look && curlOf(look, "https://h")).toBe("curl 'https://h/v1/rooms/{room}'");
  expect(change && curlOf(change, "https://h")).toBe(
    "curl -X PATCH 'https://h/v1/rooms/{room}' \\\n  -H 'Authorization: Bearer TOKEN' \\\n" +
      `  -H 'Content-Type: application/json' \\\n  -d '{"title":"Hall"}'`,
  );
});

test.each([[null], [[]], ["text"], [{ paths: { "/x": null }, tags: [null] }]])("%j is read without failing", (json) => {
  const { title } = readDocument(json);
  expect(title).toBe("HTTP API");
});

test("references that lead in a circle end", () => {
  const circle = { paths: { "/x": { get: { requestBody: { $ref: "#/a" } } } }, a: { $ref: "#/a" } };
  expect(() => readDocument(circle)).not.toThrow();
});
