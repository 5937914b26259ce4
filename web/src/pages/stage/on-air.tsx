//! The stage while one is on it: all pictures, their sound and the controls.

import { RoomAudioRenderer, StartAudio, useConnectionState, useTracks } from "@livekit/components-react";
import { ConnectionState, Track } from "livekit-client";
import { Controls } from "./controls";
import { arrange } from "./layout";
import { Tile } from "./tile";
import { Tiles } from "./tiles";

const SOURCES = [
  { source: Track.Source.Camera, withPlaceholder: true },
  { source: Track.Source.ScreenShare, withPlaceholder: false },
];

interface Props {
  problem: string | null;
  onProblem: (problem: string | null) => void;
}

export function OnAir({ problem, onProblem }: Props) {
  const { screen, beside } = arrange(useTracks(SOURCES));
  return (
    <div className="stage-on-air">
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className={screen ? "stage-show stage-show-screen" : "stage-show"}>
        {screen && <Tile track={screen} />}
        <Tiles tracks={beside} />
      </div>
      <div className="stage-bar">
        <State />
        <Controls onProblem={onProblem} />
        <StartAudio label="Turn the sound on" className="button button-primary" />
      </div>
      <RoomAudioRenderer />
    </div>
  );
}

function State() {
  const connected = useConnectionState() === ConnectionState.Connected;
  return (
    <p className={connected ? "badge badge-live" : "badge badge-warn"} role="status">
      {connected ? "You are on stage" : "Reconnecting…"}
    </p>
  );
}
