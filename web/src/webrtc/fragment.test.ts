import { expect, test } from "vitest";
import { fragment, headOf, restarted } from "./fragment";

const offer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:secretsecretsecretsecret\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";

test("a fragment carries credentials, the first section and the candidates", () => {
  const head = headOf(offer);
  expect(head).toEqual({ ufrag: "abcd", pwd: "secretsecretsecretsecret", media: "audio 9 UDP/TLS/RTP/SAVPF 111", mid: "0" });
  expect(fragment(head!, ["candidate:1 1 udp 1 192.0.2.1 5 typ host"], true)).toBe(
    "a=ice-ufrag:abcd\r\na=ice-pwd:secretsecretsecretsecret\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\na=end-of-candidates\r\n",
  );
  expect(headOf("v=0\r\n")).toBeNull();
});

test("an answer takes over what a restart brings", () => {
  const answer = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\nm=audio 9 X 0\r\na=ice-ufrag:old\r\na=ice-pwd:oldold\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\na=candidate:2 1 udp 1 192.0.2.1 6 typ host\r\na=end-of-candidates\r\n";
  const fresh = "a=ice-ufrag:new\r\na=ice-pwd:newnew\r\na=candidate:9 1 udp 1 192.0.2.1 7 typ host\r\n";
  expect(restarted(answer, fresh)).toBe(
    "v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\nm=audio 9 X 0\r\na=ice-ufrag:new\r\na=ice-pwd:newnew\r\na=candidate:9 1 udp 1 192.0.2.1 7 typ host\r\na=end-of-candidates\r\n",
  );
  expect(() => restarted(answer, "a=candidate:1")).toThrow(/credentials/);
});
