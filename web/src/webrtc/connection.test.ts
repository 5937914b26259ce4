import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection, type Status, waitMs } from "./connection";

const OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:me\r\na=ice-pwd:mine\r\na=mid:0\r\n";
const ANSWER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nm=audio 9 X 111\r\na=ice-ufrag:you\r\na=ice-pwd:yours\r\n";
const FRESH = "a=ice-ufrag:new\r\na=ice-pwd:newer\r\n";

/** As much of a peer connection as is used; a test moves `connectionState`. */
class FakePeer {
  static all: FakePeer[] = [];
  connectionState = "new";
  iceGatheringState = "gathering";
  localDescription: { sdp: string } | null = null;
  remote: string[] = [];
  onconnectionstatechange: () => void = () => undefined;
  onicecandidate: (event: { candidate: { candidate: string } | null }) => void = () => undefined;
  constructor() {
    FakePeer.all.push(this);
  }
  async setLocalDescription() {
    this.localDescription = { sdp: OFFER };
  }
  async createOffer() {
    return {};
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.remote.push(sdp);
  }
  close() {
    this.connectionState = "closed";
  }
  becomes(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange();
  }
}

let statuses: Status[];
let requests: string[];
/** What the server answers next, by method; without, what a good server answers. */
let answers: Partial<Record<string, number>>;

beforeEach(() => {
  vi.useFakeTimers();
  [FakePeer.all, statuses, requests, answers] = [[], [], [], {}];
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("removeEventListener", () => undefined);
  vi.stubGlobal("fetch", async (url: string, { method, body }: { method: string; body: string | null }) => {
    requests.push(`${method} ${new URL(url, "http://h").pathname}`);
    const refused = answers[method];
    if (refused) return new Response(JSON.stringify({ detail: `refused with ${refused}` }), { status: refused });
    if (method === "POST") return new Response(ANSWER, { status: 201, headers: { location: `/whip/demo/s${FakePeer.all.length}`, etag: '"1"' } });
    if (method === "PATCH" && !body?.includes("candidate")) return new Response(FRESH, { headers: { etag: '"2"' } });
    return new Response(null, { status: 204 });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settle = () => vi.advanceTimersByTimeAsync(1);
const last = () => statuses[statuses.length - 1];

async function connected(replaced?: () => Promise<boolean>) {
  const onStatus = (status: Status) => statuses.push(status);
  const options = { endpoint: "http://h/whip/demo", token: "t", prepare: () => undefined, onStatus };
  const connection = new Connection(replaced ? { ...options, replaced } : options);
  await settle();
  FakePeer.all[0]!.becomes("connected");
  return { connection, peer: FakePeer.all[0]! };
}

test("candidates that come before the answer wait for it, and later ones follow", async () => {
  const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 5 typ host" };
  const made = connected();
  FakePeer.all[0]!.onicecandidate({ candidate });
  expect(requests).toEqual([]);
  const { peer } = await made;
  expect(requests).toEqual(["POST /whip/demo", "PATCH /whip/demo/s1"]);
  peer.onicecandidate({ candidate });
  peer.onicecandidate({ candidate: null });
  await settle();
  expect(requests).toHaveLength(4);
  expect(last()).toEqual({ state: "connected" });
});

test("a short interruption costs nothing", async () => {
  const { peer } = await connected();
  peer.becomes("disconnected");
  await vi.advanceTimersByTimeAsync(2_000);
  peer.becomes("connected");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(requests).toEqual(["POST /whip/demo"]);
  expect(last()).toEqual({ state: "connected" });
});

test("a longer one restarts ICE once, on the same connection", async () => {
  const { peer } = await connected();
  peer.becomes("disconnected");
  await vi.advanceTimersByTimeAsync(2_600);
  peer.becomes("connected");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(requests).toEqual(["POST /whip/demo", "PATCH /whip/demo/s1"]);
  expect(peer.remote[1]).toContain("a=ice-ufrag:new");
  expect(FakePeer.all).toHaveLength(1);
});

test("a restart that does not help is followed by a new connection, and the old session is ended", async () => {
  const { peer } = await connected();
  peer.becomes("failed");
  await vi.advanceTimersByTimeAsync(9_000);
  expect(requests).toEqual(["POST /whip/demo", "PATCH /whip/demo/s1", "DELETE /whip/demo/s1", "POST /whip/demo"]);
  FakePeer.all[1]!.becomes("connected");
  expect(last()).toEqual({ state: "connected" });
});

test("a server that forgot the session gets a new one", async () => {
  const { peer } = await connected(async () => false);
  answers = { PATCH: 404 };
  peer.becomes("failed");
  await vi.advanceTimersByTimeAsync(600);
  expect(FakePeer.all).toHaveLength(2);
});

test("whoever came back elsewhere is not fought for the place", async () => {
  const { peer } = await connected(async () => true);
  answers = { PATCH: 404 };
  peer.becomes("failed");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakePeer.all).toHaveLength(1);
  expect(last()).toMatchObject({ state: "failed" });
});

test("a server that is away is asked ever more slowly, one that refuses never again", async () => {
  answers = { POST: 503 };
  void connected();
  await vi.advanceTimersByTimeAsync(10_000);
  // At 0, 0.5, 1.5, 3.5 and 7.5 s.
  expect(requests).toHaveLength(5);
  expect(last()).toEqual({ state: "reconnecting", why: "refused with 503" });
  answers = { POST: 403 };
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toHaveLength(6);
  expect(last()).toEqual({ state: "failed", why: "refused with 403" });
});

test("a path that is never found is tried anew", async () => {
  const connection = new Connection({ endpoint: "http://h/whip/demo", token: "t", prepare: () => undefined, onStatus: () => undefined });
  await vi.advanceTimersByTimeAsync(9_000);
  expect(requests).toEqual(["POST /whip/demo", "DELETE /whip/demo/s1", "POST /whip/demo"]);
  connection.close();
});

test("closing ends the session, also one that is only being made", async () => {
  const { connection } = await connected();
  connection.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toEqual(["POST /whip/demo", "DELETE /whip/demo/s1"]);
  expect(last()).toEqual({ state: "closed" });

  requests = [];
  const early = new Connection({ endpoint: "http://h/whip/demo", token: "t", prepare: () => undefined, onStatus: () => undefined });
  early.close();
  await settle();
  expect(requests).toEqual(["POST /whip/demo", "DELETE /whip/demo/s2"]);
});

test("waits double up to eight seconds", () => expect([0, 1, 2, 3, 4, 5, 99].map(waitMs)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]));
