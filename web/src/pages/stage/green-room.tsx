//! The green room: the user's name, devices and a preview before going on stage.

import { type FormEvent, useState } from "react";
import type { Speaker } from "../../lib/api";
import { count } from "../../lib/format";
import { Icon } from "../../ui/icon";
import { type Kind, type Media, useLevel, useMedia } from "./media";
import { givenToken, nameIn } from "./stage-token";
import { Preview } from "./preview";
import { refusal } from "./messages";
import "./green-room.css";

const NAME_KEY = "spillway.name";

interface Props {
  /** Takes over the media's stream if it succeeds. */
  onJoin: (name: string, media: Media) => Promise<void>;
  /** The participants on stage now. */
  speakers: Speaker[];
}

export function GreenRoom({ onJoin, speakers }: Props) {
  const media = useMedia();
  const [given] = useState(() => nameIn(givenToken()));
  const [name, setName] = useState(() => given ?? localStorage.getItem(NAME_KEY) ?? "");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const level = useLevel(media.stream);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      if (!given) localStorage.setItem(NAME_KEY, name.trim());
      await onJoin(name.trim(), media);
    } catch (error) {
      setProblem(refusal(error));
      setBusy(false);
    }
  };
  return (
    <form className="green-room" onSubmit={(event) => void submit(event)}>
      <div>
        <Preview stream={media.stream} off={!media.on.video} />
        <meter className="green-room-level" min={0} max={1} value={media.on.audio ? level : 0} aria-label="Microphone level" />
        <Toggles media={media} />
      </div>
      <div className="green-room-fields">
        {media.problem && (
          <p className="problem" role="alert">
            {media.problem}
          </p>
        )}
        <label>
          Your name
          <input value={name} onChange={(event) => setName(event.target.value)} maxLength={40} required readOnly={given !== null} autoComplete="name" placeholder="Shown to everybody in the room" />
        </label>
        <Devices media={media} kind="video" label="Camera" />
        <Devices media={media} kind="audio" label="Microphone" />
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <button className="button button-primary" disabled={busy || !media.stream}>
          {busy ? "Going on stage…" : "Go on stage"}
        </button>
        <p className="text-muted">{speakers.length === 0 ? "Nobody else is on stage." : `On stage now: ${count(speakers.length, "speaker")}.`}</p>
      </div>
    </form>
  );
}

function Toggles({ media }: { media: Media }) {
  const switches: [Kind, string, "camera" | "microphone"][] = [
    ["video", "Camera", "camera"],
    ["audio", "Microphone", "microphone"],
  ];
  return (
    <div className="green-room-switches">
      {switches.map(([kind, label, icon]) => (
        <button key={kind} type="button" className="button" role="switch" aria-checked={media.on[kind]} onClick={() => media.toggle(kind)}>
          <Icon name={icon} off={!media.on[kind]} /> {label} <span aria-hidden="true">{media.on[kind] ? "on" : "off"}</span>
        </button>
      ))}
    </div>
  );
}

function Devices({ media, kind, label }: { media: Media; kind: Kind; label: string }) {
  const devices = media.devices.filter((device) => device.kind === `${kind}input` && device.deviceId);
  if (devices.length === 0) return null;
  const active = media.stream?.getTracks().find((track) => track.kind === kind)?.getSettings().deviceId ?? "";
  return (
    <label>
      {label}
      <select value={media.chosen[kind] || active} onChange={(event) => media.choose(kind, event.target.value)}>
        {devices.map((device, i) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `${label} ${i + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}
