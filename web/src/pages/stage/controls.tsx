//! The controls on stage: microphone, camera, screen share, leave.

import { useMediaDeviceSelect, useRoomContext, useTrackToggle } from "@livekit/components-react";
import { Track } from "livekit-client";
import { Icon } from "../../ui/icon";
import { deviceProblem } from "./messages";

interface Reports {
  onProblem: (problem: string | null) => void;
}

export function Controls({ onProblem }: Reports) {
  const room = useRoomContext();
  const canShare = "getDisplayMedia" in (navigator.mediaDevices ?? {});
  return (
    <div className="stage-controls">
      <Device kind="audioinput" onProblem={onProblem} />
      <Device kind="videoinput" onProblem={onProblem} />
      {canShare && <Share onProblem={onProblem} />}
      <button type="button" className="button button-danger" onClick={() => void room.disconnect()}>
        <Icon name="leave" /> <span className="stage-word">Leave the stage</span>
      </button>
    </div>
  );
}

const DEVICES = {
  audioinput: { source: Track.Source.Microphone, icon: "microphone", label: "Microphone" },
  videoinput: { source: Track.Source.Camera, icon: "camera", label: "Camera" },
} as const;

function Device({ kind, onProblem }: { kind: keyof typeof DEVICES } & Reports) {
  const { source, icon, label } = DEVICES[kind];
  const report = (error: unknown) => onProblem(`${label}: ${deviceProblem(error)}`);
  const { toggle, enabled, pending } = useTrackToggle({ source, onDeviceError: report });
  const { devices, activeDeviceId, setActiveMediaDevice } = useMediaDeviceSelect({ kind });
  const flip = () => {
    onProblem(null);
    toggle().catch(report);
  };
  const choose = (deviceId: string) => {
    onProblem(null);
    setActiveMediaDevice(deviceId).catch(report);
  };
  return (
    <div className="stage-device" data-off={!enabled}>
      <button type="button" aria-pressed={enabled} disabled={pending} onClick={flip}>
        <Icon name={icon} off={!enabled} /> <span className="stage-word">{label}</span>
      </button>
      <span className="stage-device-menu">
        <Icon name="down" />
        <select aria-label={`Choose a ${label.toLowerCase()}`} value={activeDeviceId} onChange={(event) => choose(event.target.value)}>
          {devices.map((device, i) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || `${label} ${i + 1}`}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}

const SHARE = { audio: true, selfBrowserSurface: "include" } as const;

function Share({ onProblem }: Reports) {
  const report = (error: unknown) => {
    // The browser reports a closed menu as a refusal; the user has chosen to share nothing.
    if (!(error instanceof Error && error.name === "NotAllowedError")) onProblem(`Screen: ${deviceProblem(error)}`);
  };
  const { toggle, enabled, pending } = useTrackToggle({ source: Track.Source.ScreenShare, captureOptions: SHARE, onDeviceError: report });
  const flip = () => {
    onProblem(null);
    toggle().catch(report);
  };
  return (
    <button type="button" className={enabled ? "button button-on" : "button"} disabled={pending} onClick={flip}>
      <Icon name="screen" /> <span className="stage-word">{enabled ? "Stop sharing" : "Share screen"}</span>
    </button>
  );
}
