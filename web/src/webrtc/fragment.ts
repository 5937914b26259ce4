//! SDP fragments for PATCH (RFC 8840, RFC 9725 §4.3): made from a local description, and applied to a remote one. Pure.

/** What a fragment needs of a local description: credentials, and the first media section's line and MID. */
export interface Head {
  ufrag: string;
  pwd: string;
  media: string;
  mid: string;
}

export function headOf(sdp: string): Head | null {
  const first = (pattern: RegExp) => pattern.exec(sdp)?.[1] ?? null;
  const [ufrag, pwd] = [first(/^a=ice-ufrag:(\S+)/m), first(/^a=ice-pwd:(\S+)/m)];
  const [media, mid] = [first(/^m=([^\r\n]+)/m), first(/^a=mid:(\S+)/m)];
  return ufrag && pwd && media && mid !== null ? { ufrag, pwd, media, mid } : null;
}

/** The body of a PATCH. `candidates` as `RTCIceCandidate.candidate` has them; `complete`: there will be no more. */
export function fragment(head: Head, candidates: string[], complete: boolean): string {
  const lines = [`a=ice-ufrag:${head.ufrag}`, `a=ice-pwd:${head.pwd}`, `m=${head.media}`, `a=mid:${head.mid}`];
  for (const candidate of candidates) lines.push(`a=${candidate.replace(/^a=/, "")}`);
  if (complete) lines.push("a=end-of-candidates");
  return lines.map((line) => `${line}\r\n`).join("");
}

/** `answer` with the credentials and candidates of the server's `restart` fragment, and one version newer. */
export function restarted(answer: string, restart: string): string {
  const value = (name: string) => new RegExp(`^a=${name}:(\\S+)`, "m").exec(restart)?.[1];
  const [ufrag, pwd] = [value("ice-ufrag"), value("ice-pwd")];
  if (!ufrag || !pwd) throw new Error("The server's answer to the ICE restart has no credentials.");
  const fresh = restart.match(/^a=candidate:[^\r\n]+/gm) ?? [];
  let placed = false;
  const lines = answer.split(/\r?\n/).flatMap((line) => {
    if (line.startsWith("a=ice-ufrag:")) return [`a=ice-ufrag:${ufrag}`];
    if (line.startsWith("a=ice-pwd:")) return [`a=ice-pwd:${pwd}`];
    if (line.startsWith("o=")) return [line.replace(/^(o=\S+ \S+ )(\d+)/, (_, start, version) => `${start}${Number(version) + 1}`)];
    if (line.startsWith("a=candidate:")) {
      if (placed || fresh.length === 0) return fresh.length === 0 ? [line] : [];
      placed = true;
      return fresh;
    }
    return [line];
  });
  return lines.join("\r\n");
}
