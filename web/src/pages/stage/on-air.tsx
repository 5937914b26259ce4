//! On stage: our own picture, the others', and how our connection is doing.

import { useEffect, useState } from "react";
import { fetchRoom, type Participant } from "../../lib/api";
import { formatBitrate, formatSeconds } from "../../lib/format";
import { Connection, type Status } from "../../webrtc/connection";
import { layersOf } from "../../webrtc/layers";
import { Toggles } from "./green";
import type { Media } from "./media";
import { Picture } from "./picture";
import type { Pass } from "./pass";

interface Props {
  room: string;
  pass: Pass;
  codec: "VP8" | "H264";
  media: Media;
  stage: Participant[];
  onLeave: () => void;
}

export function OnAir({ room, pass, codec, media, stage, onLeave }: Props) {
  const [status, setStatus] = useState<Status>({ state: "connecting" });
  const connection = usePublisher(room, pass, codec, media, setStatus);
  const others = stage.filter((one) => one.identity !== pass.identity);
  return (
    <div className="on-air">
      <p className={status.state === "connected" ? "badge live" : "badge warn"} role="status">
        {statusText(status)}
      </p>
      <div className="tiles">
        <Picture stream={media.stream} mirrored muted label={`${pass.name} (you)`} off={!media.on.video} />
        {others.map((one) => (
          <Other key={one.identity} room={room} token={pass.token} who={one} />
        ))}
      </div>
      <div className="bar">
        <Toggles media={media} />
        <Numbers connection={connection} />
        <button type="button" className="button danger" onClick={onLeave}>
          Leave the stage
        </button>
      </div>
    </div>
  );
}

function statusText(status: Status): string {
  switch (status.state) {
    case "connecting":
      return "Connecting…";
    case "connected":
      return "You are on stage";
    case "reconnecting":
      return `Reconnecting… ${status.why}`;
    case "closed":
      return "You have left";
    case "failed":
      return status.why;
  }
}

function usePublisher(room: string, pass: Pass, codec: "VP8" | "H264", media: Media, onStatus: (status: Status) => void): Connection | null {
  const [connection, setConnection] = useState<Connection | null>(null);
  const { stream } = media;
  const ready = stream !== null;
  useEffect(() => {
    if (!ready || !stream) return;
    const made = new Connection({
      endpoint: `/whip/${encodeURIComponent(room)}`,
      token: pass.token,
      prepare: (peer) => addTracks(peer, stream, codec),
      onStatus,
      replaced: async () => (await fetchRoom(room)).stage.some((one) => one.identity === pass.identity),
    });
    setConnection(made);
    return () => made.close();
    // Another device replaces its track below, without a new connection.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [room, pass, codec, ready]);
  useEffect(() => {
    for (const sender of connection?.peer?.getSenders() ?? []) {
      const track = stream?.getTracks().find((one) => one.kind === sender.track?.kind);
      if (track && sender.track !== track) void sender.replaceTrack(track);
    }
  }, [connection, stream]);
  return connection;
}

function addTracks(peer: RTCPeerConnection, stream: MediaStream, codec: "VP8" | "H264"): void {
  const [audio, video] = [stream.getAudioTracks()[0], stream.getVideoTracks()[0]];
  if (audio) peer.addTransceiver(audio, { direction: "sendonly", streams: [stream] });
  if (!video) return;
  const { width = 640, height = 360 } = video.getSettings();
  const sendEncodings = codec === "VP8" ? layersOf(width, height) : [{ maxBitrate: 2_000_000 }];
  const transceiver = peer.addTransceiver(video, { direction: "sendonly", streams: [stream], sendEncodings });
  const known = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const named = (name: string) => known.filter((one) => one.mimeType.toUpperCase() === `VIDEO/${name}`);
  const wanted = [...named(codec), ...named("RTX")];
  if (named(codec).length > 0) transceiver.setCodecPreferences?.(wanted);
}

/** Another speaker, seen by WHEP. */
function Other({ room, token, who }: { room: string; token: string; who: Participant }) {
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [note, setNote] = useState<string | undefined>();
  useEffect(() => {
    const connection = new Connection({
      endpoint: `/whep/${encodeURIComponent(room)}?participant=${encodeURIComponent(who.identity)}`,
      token,
      prepare: (peer) => {
        const received = new MediaStream();
        peer.ontrack = ({ track }) => {
          received.addTrack(track);
          setStream(new MediaStream(received.getTracks()));
        };
        peer.addTransceiver("video", { direction: "recvonly" });
        peer.addTransceiver("audio", { direction: "recvonly" });
      },
      onStatus: (status) => setNote(status.state === "connected" || status.state === "closed" ? undefined : statusText(status)),
    });
    return () => connection.close();
  }, [room, token, who.identity]);
  return <Picture stream={stream} label={who.name} off={!who.video} note={note} />;
}

/** What we send, measured every two seconds. */
function Numbers({ connection }: { connection: Connection | null }) {
  const [text, setText] = useState("");
  useEffect(() => {
    let before: { bytes: number; at: number } | null = null;
    const timer = setInterval(async () => {
      const reports = [...((await connection?.peer?.getStats()) ?? new Map()).values()] as Record<string, unknown>[];
      const sum = (type: string, key: string) => reports.filter((r) => r.type === type).reduce((all, r) => all + Number(r[key] ?? 0), 0);
      const pair = reports.find((r) => r.type === "candidate-pair" && r.nominated === true);
      const now = { bytes: sum("outbound-rtp", "bytesSent"), at: performance.now() };
      if (before && now.bytes >= before.bytes) {
        const bits = ((now.bytes - before.bytes) * 8000) / (now.at - before.at);
        setText(`${formatBitrate(bits)} out · ${formatSeconds(Number(pair?.currentRoundTripTime ?? Number.NaN))} round trip`);
      }
      before = now;
    }, 2_000);
    return () => clearInterval(timer);
  }, [connection]);
  return <output className="muted">{text}</output>;
}
