//! The SDP of a WHEP session after its first offer: an ICE restart goes by fragments (RFC 8840, RFC 9725 §4.3.2), which
//! browsers neither print nor read. Pure.

const lineOf = (sdp: string, pattern: RegExp) => pattern.exec(sdp)?.[0]?.trimEnd() ?? null;

/** The fragment that asks for an ICE restart with the credentials of `offer`; `null` if it has none. */
export function restartFragment(offer: string): string | null {
  const patterns = [/^a=ice-ufrag:.*$/m, /^a=ice-pwd:.*$/m, /^m=.*$/m, /^a=mid:.*$/m];
  const lines = patterns.map((pattern) => lineOf(offer, pattern));
  return lines.includes(null) ? null : lines.map((line) => `${line}\r\n`).join("");
}

/** The earlier answer with the credentials that a restart's answer brought; `null` if it brought none. */
export function restartedAnswer(answer: string, fragment: string): string | null {
  let restarted = answer;
  for (const name of ["ice-ufrag", "ice-pwd"]) {
    const line = lineOf(fragment, new RegExp(`^a=${name}:.*$`, "m"));
    if (line === null) return null;
    restarted = restarted.replaceAll(new RegExp(`^a=${name}:[^\r\n]*`, "gm"), () => line);
  }
  return restarted;
}

/** The ICE servers that `Link` headers name (RFC 9725 §4.6). Links of another relation are passed over. */
export function iceServers(link: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url, parameters] of (link ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[a-z-]+="[^"]*")*)/g)) {
    const word = (name: string) => new RegExp(`;\\s*${name}="([^"]*)"`).exec(parameters ?? "")?.[1];
    if (word("rel") !== "ice-server" || !/^(stun|turn)s?:/.test(url ?? "")) continue;
    const [username, credential] = [word("username"), word("credential")];
    servers.push({ urls: url ?? "", ...(username && credential ? { username, credential } : {}) });
  }
  return servers;
}
