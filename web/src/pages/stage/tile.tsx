//! One camera or screen: the picture, whose it is, and how they are doing.

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

export function Tile({ track }: { track: TrackReferenceOrPlaceholder }) {
  const { participant } = track;
  const { identity, name } = useParticipantInfo({ participant });
  const speaking = useIsSpeaking(participant);
  const silent = useIsMuted({ participant, source: Track.Source.Microphone });
  const { quality } = useConnectionQualityIndicator({ participant });
  const screen = track.source === Track.Source.ScreenShare;
  const who = name || identity || participant.identity;
  const label = participant.isLocal ? `${who} (you)` : who;
  return (
    <figure
      className={screen ? "tile screen-share" : "tile"}
      data-speaking={speaking && !screen}
      style={{ "--hue": hueOf(who) } as CSSProperties}
    >
      {!screen && (
        <span className="face large" aria-hidden="true">
          {initials(who)}
        </span>
      )}
      {isTrackReference(track) && !track.publication.isMuted && (
        <VideoTrack trackRef={track} className={participant.isLocal && !screen ? "mirrored" : ""} />
      )}
      {isPaused(track) && (
        <span className="badge paused" title="Your connection is too slow for it at the moment">
          Picture paused
        </span>
      )}
      <figcaption>
        {!screen && silent && <Mark name="microphone" off label="Microphone off" />}
        <span className="who">{screen ? `Screen of ${label}` : label}</span>
        {!screen && <Quality quality={quality} />}
      </figcaption>
    </figure>
  );
}

/** The server holds the picture back. */
const isPaused = ({ publication }: TrackReferenceOrPlaceholder) =>
  publication?.isMuted === false && publication.track?.streamState === Track.StreamState.Paused;

function Mark({ label, ...icon }: { label: string } & Parameters<typeof Icon>[0]) {
  return (
    <span className="mark" role="img" aria-label={label} title={label}>
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
    <svg className="quality" data-bars={bars} viewBox="0 0 16 12" width="16" height="12" role="img" aria-label={label}>
      <title>{label}</title>
      {[0, 1, 2].map((i) => (
        <rect key={i} x={i * 6} y={8 - i * 4} width="4" height={4 + i * 4} rx="1" opacity={i < bars ? 1 : 0.3} />
      ))}
    </svg>
  );
}
