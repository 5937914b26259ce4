//! One camera or screen share: its picture, its speaker's name, microphone and connection.

import {
  type TrackReferenceOrPlaceholder,
  VideoTrack,
  isTrackReference,
  useConnectionQualityIndicator,
  useIsMuted,
  useIsSpeaking,
  useParticipantInfo,
} from "@livekit/components-react";
import { ConnectionQuality, Track } from "livekit-client";
import type { CSSProperties } from "react";
import { hueOf, initials } from "../../lib/format";
import { Icon } from "../../ui/icon";
import "./tile.css";

export function Tile({ track }: { track: TrackReferenceOrPlaceholder }) {
  const { participant } = track;
  const { identity, name } = useParticipantInfo({ participant });
  const speaking = useIsSpeaking(participant);
  const silent = useIsMuted({ participant, source: Track.Source.Microphone });
  const { quality } = useConnectionQualityIndicator({ participant });
  const screen = track.source === Track.Source.ScreenShare;
  const speaker = name || identity || participant.identity;
  const label = participant.isLocal ? `${speaker} (you)` : speaker;
  return (
    <figure
      className={screen ? "tile tile-screen" : "tile"}
      data-speaking={speaking && !screen}
      style={{ "--hue": hueOf(speaker) } as CSSProperties}
    >
      {!screen && (
        <span className="face tile-face" aria-hidden="true">
          <b>{initials(speaker)}</b>
        </span>
      )}
      {isTrackReference(track) && !track.publication.isMuted && (
        <VideoTrack trackRef={track} className={participant.isLocal && !screen ? "tile-mirrored" : ""} />
      )}
      {isPaused(track) && (
        <span className="badge tile-paused" title="Your connection is too slow for this picture at the moment">
          Picture paused
        </span>
      )}
      <figcaption>
        {!screen && silent && <Mark name="microphone" off label="Microphone off" />}
        <span className="tile-name">{screen ? `Screen of ${label}` : label}</span>
        {!screen && <Quality quality={quality} />}
      </figcaption>
    </figure>
  );
}

/** Has the server paused this picture for lack of bandwidth? */
const isPaused = ({ publication }: TrackReferenceOrPlaceholder) =>
  publication?.isMuted === false && publication.track?.streamState === Track.StreamState.Paused;

function Mark({ label, ...icon }: { label: string } & Parameters<typeof Icon>[0]) {
  return (
    <span className="tile-mark" role="img" aria-label={label} title={label}>
      <Icon {...icon} />
    </span>
  );
}

const BARS: Partial<Record<ConnectionQuality, [number, string]>> = {
  [ConnectionQuality.Excellent]: [3, "Connection excellent"],
  [ConnectionQuality.Good]: [2, "Connection good"],
  [ConnectionQuality.Poor]: [1, "Connection poor"],
  [ConnectionQuality.Lost]: [0, "Connection lost"],
};

function Quality({ quality }: { quality: ConnectionQuality }) {
  const known = BARS[quality];
  if (!known) return null;
  const [bars, label] = known;
  return (
    <svg className="tile-quality" data-bars={bars} viewBox="0 0 16 12" width="16" height="12" role="img" aria-label={label}>
      <title>{label}</title>
      {[0, 1, 2].map((i) => (
        <rect key={i} x={i * 6} y={8 - i * 4} width="4" height={4 + i * 4} rx="1" opacity={i < bars ? 1 : 0.3} />
      ))}
    </svg>
  );
}
