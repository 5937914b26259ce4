import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { endSession, patchCandidates, patchRestart, postOffer, resolve } from "./resource";

const ENDPOINT = "https://example.org/whep/demo?participant=ada";
const ask = vi.fn<(url: string, init: RequestInit & { headers: Record<string, string> }) => Promise<Response>>();
const answer = (status: number, body: string | null = null, headers: Record<string, string> = {}) =>
  ask.mockResolvedValueOnce(new Response(body, { status, headers }));
const asked = () => ask.mock.calls[ask.mock.calls.length - 1]!;

beforeEach(() => void vi.stubGlobal("fetch", ask));
afterEach(() => {
  ask.mockReset();
  vi.unstubAllGlobals();
});

async function session() {
  answer(201, "v=0\r\n", { location: "/whep/demo/s1", etag: '"e1"', link: '<stun:192.0.2.1>; rel="ice-server"' });
  return postOffer(ENDPOINT, "secret", "an offer");
}

test("an offer is posted as SDP with the token, and the answer says where the session is", async () => {
  expect(await session()).toEqual({ url: "https://example.org/whep/demo/s1", etag: '"e1"', answer: "v=0\r\n" });
  const [url, init] = asked();
  expect([url, init.method, init.body]).toEqual([ENDPOINT, "POST", "an offer"]);
  expect(init.headers).toEqual({ authorization: "Bearer secret", "content-type": "application/sdp" });
});

test("an answer that names no session is refused", async () => {
  answer(201, "v=0\r\n");
  await expect(postOffer(ENDPOINT, "t", "o")).rejects.toThrow(/names no session/);
  answer(200, "v=0\r\n", { location: "/x" });
  await expect(postOffer(ENDPOINT, "t", "o")).rejects.toThrow(/did not make a session/);
});

test("a problem's own sentence reaches the user, and an absent server is told apart", async () => {
  answer(403, JSON.stringify({ title: "Forbidden", detail: "this token is for another room" }));
  await expect(postOffer(ENDPOINT, "t", "o")).rejects.toMatchObject({ status: 403, message: "this token is for another room" });
  ask.mockRejectedValueOnce(new TypeError("failed to fetch"));
  await expect(postOffer(ENDPOINT, "t", "o")).rejects.toMatchObject({ status: 0 });
});

test("candidates go to the session with its tag", async () => {
  const made = await session();
  answer(204);
  await patchCandidates(made, "secret", "a=candidate");
  const [url, init] = asked();
  expect([url, init.method, init.body]).toEqual([made.url, "PATCH", "a=candidate"]);
  expect(init.headers).toMatchObject({ "content-type": "application/trickle-ice-sdpfrag", "if-match": '"e1"' });
});

test.each([405, 501])("a server that answers candidates with %d needs none", async (status) => {
  const made = await session();
  answer(status);
  await expect(patchCandidates(made, "t", "f")).resolves.toBeUndefined();
});

test("a restart matches any tag and takes over the new one", async () => {
  const made = await session();
  answer(200, "a=ice-ufrag:new\r\n", { etag: '"e2"' });
  expect(await patchRestart(made, "t", "f")).toBe("a=ice-ufrag:new\r\n");
  expect(asked()[1].headers).toMatchObject({ "if-match": "*" });
  expect(made.etag).toBe('"e2"');
});

test("the end is told in a way that outlives the page, and never fails", async () => {
  const made = await session();
  answer(404);
  await expect(endSession(made, "secret")).resolves.toBeUndefined();
  const [url, init] = asked();
  expect([url, init.method, init.keepalive, init.headers.authorization]).toEqual([made.url, "DELETE", true, "Bearer secret"]);
});

test("a Location may be relative or absolute", () => {
  expect(resolve("/whip/r/abc", "https://example.org/whip/r?x=1")).toBe("https://example.org/whip/r/abc");
  expect(resolve("abc", "https://example.org/whip/r")).toBe("https://example.org/whip/abc");
  expect(resolve("https://other/abc", "https://example.org/whip/r")).toBe("https://other/abc");
});
