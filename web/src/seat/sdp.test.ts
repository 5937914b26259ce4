import { expect, test } from "vitest";
import { iceServers, restartFragment, restartedAnswer } from "./sdp";

const OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:new\r\na=ice-pwd:secret\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\n";

test("a restart is asked for with the credentials and the first section of an offer", () => {
  expect(restartFragment(OFFER)).toBe("a=ice-ufrag:new\r\na=ice-pwd:secret\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n");
  expect(restartFragment("v=0\r\n")).toBeNull();
});

test("the answer to a restart is the earlier one with other credentials in every section", () => {
  const answer = "m=audio\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\nm=video\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=mid:1\r\n";
  const restarted = restartedAnswer(answer, "a=ice-ufrag:c$1\r\na=ice-pwd:d\r\n");
  expect(restarted).toBe("m=audio\r\na=ice-ufrag:c$1\r\na=ice-pwd:d\r\nm=video\r\na=ice-ufrag:c$1\r\na=ice-pwd:d\r\na=mid:1\r\n");
  expect(restartedAnswer(answer, "a=candidate:1\r\n")).toBeNull();
});

test("ice servers are read from a link header and other links passed over", () => {
  const link =
    '<stun:s.example>; rel="ice-server", </whep/a/b/layer>; rel="urn:x", <turn:t.example?transport=udp>; rel="ice-server"; username="u"; credential="c"; credential-type="password"';
  expect(iceServers(link)).toEqual([
    { urls: "stun:s.example" },
    { urls: "turn:t.example?transport=udp", username: "u", credential: "c" },
  ]);
  expect(iceServers('<javascript:1>; rel="ice-server"')).toEqual([]);
  expect(iceServers(null)).toEqual([]);
});
