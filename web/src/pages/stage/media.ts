//! The devices of the green room: the list, the choice, and the stream they give.

import { useCallback, useEffect, useRef, useState } from "react";

export type Kind = "audio" | "video";

export interface Media {
  stream: MediaStream | null;
  /** A sentence for the user on why there is no stream. */
  problem: string | null;
  devices: MediaDeviceInfo[];
  chosen: Record<Kind, string>;
  choose: (kind: Kind, deviceId: string) => void;
  /** The user's switches. */
  on: Record<Kind, boolean>;
  toggle: (kind: Kind) => void;
  /** Hands the stream over: from now on the new owner stops its tracks. */
  release: () => void;
}

export function useMedia(): Media {
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const [chosen, setChosen] = useState<Record<Kind, string>>({ audio: "", video: "" });
  const [on, setOn] = useState<Record<Kind, boolean>>({ audio: true, video: true });
  const current = useRef<MediaStream | null>(null);
  const wanted = useRef(on);
  wanted.current = on;

  useEffect(() => {
    let over = false;
    const show = (next: MediaStream | null) => {
      current.current?.getTracks().forEach((track) => track.stop());
      current.current = next;
      for (const track of next?.getTracks() ?? []) track.enabled = wanted.current[track.kind as Kind];
      setStream(next);
    };
    void open(chosen).then(
      async (next) => {
        if (over) return next.getTracks().forEach((track) => track.stop());
        show(next);
        setProblem(null);
        setDevices(await navigator.mediaDevices.enumerateDevices());
      },
      (error: unknown) => {
        if (over) return;
        show(null);
        setProblem(messageFor(error));
      },
    );
    return () => void (over = true);
  }, [chosen]);

  useEffect(() => {
    const refresh = () => void navigator.mediaDevices?.enumerateDevices().then(setDevices);
    navigator.mediaDevices?.addEventListener("devicechange", refresh);
    return () => {
      navigator.mediaDevices?.removeEventListener("devicechange", refresh);
      current.current?.getTracks().forEach((track) => track.stop());
    };
  }, []);

  const choose = useCallback((kind: Kind, deviceId: string) => setChosen((last) => ({ ...last, [kind]: deviceId })), []);
  const toggle = useCallback((kind: Kind) => {
    setOn((last) => {
      const next = { ...last, [kind]: !last[kind] };
      for (const track of current.current?.getTracks() ?? []) track.enabled = next[track.kind as Kind];
      return next;
    });
  }, []);
  const release = useCallback(() => void (current.current = null), []);
  return { stream, problem, devices, chosen, choose, on, toggle, release };
}

/** Opens camera and microphone; if one of them is missing or refused, the other alone. */
async function open(chosen: Record<Kind, string>): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new Error("insecure");
  const exact = (deviceId: string) => (deviceId ? { deviceId: { exact: deviceId } } : {});
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, ...exact(chosen.video) };
  const audio = { echoCancellation: true, noiseSuppression: true, ...exact(chosen.audio) };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video });
  } catch (error) {
    for (const one of [{ audio }, { video }]) {
      const alone = await navigator.mediaDevices.getUserMedia(one).catch(() => null);
      if (alone) return alone;
    }
    throw error;
  }
}

function messageFor(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The browser was not allowed to use camera and microphone. Allow it in the address bar, then reload.";
  if (name === "NotFoundError") return "No camera and no microphone were found.";
  if (name === "NotReadableError") return "Another program is using the camera or the microphone.";
  if (!navigator.mediaDevices) return "Browsers allow camera and microphone only on pages over HTTPS or on localhost.";
  return error instanceof Error ? error.message : "Camera and microphone could not be opened.";
}

/** The loudness of a stream, 0 to 1 for −60 dB to 0 dB, ten times a second. */
export function useLevel(stream: MediaStream | null): number {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    if (!stream || stream.getAudioTracks().length === 0) return setLevel(0);
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      setLevel(Math.max(0, Math.min(1, 1 + Math.log10(Math.max(power, 1e-6)) / 6)));
    }, 100);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [stream]);
  return level;
}
