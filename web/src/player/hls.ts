//! hls.js as Spillway uses it: its settings, and which of its errors mean what.

import Hls, { type ErrorData, type HlsConfig } from "hls.js";
import type { Trouble } from "./machine";

/** Can hls.js play here at all? Chromium says "maybe" to native HLS, so native is only for browsers without MSE. */
export const hlsSupported = () => Hls.isSupported();

export function createHls(): Hls {
  const policy = (maxLoadTimeMs: number, firstByteMs: number, retries: number) => ({
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs,
      timeoutRetry: { maxNumRetry: retries, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: retries, retryDelayMs: 300, maxRetryDelayMs: 1_000 },
    },
  });
  const config: Partial<HlsConfig> = {
    lowLatencyMode: true,
    // The target is the playlist's PART-HOLD-BACK. Catching up is ours: see `catchUpRate`.
    maxLiveSyncPlaybackRate: 1,
    // A stall moves the target away by a part or so, not by hls.js's whole second.
    liveSyncOnStallIncrease: 0.25,
    liveDurationInfinity: true,
    // Left to the browser, which evicts what is behind when it needs the room: see `isStuck` for what hls.js's own eviction does.
    backBufferLength: Number.POSITIVE_INFINITY,
    maxBufferLength: 10,
    capLevelToPlayerSize: true,
    // CMAF needs no transmuxing, and a worker from a blob: URL would need a hole in the Content-Security-Policy.
    enableWorker: false,
    // The machine retries through the room, which survives a new epoch; hls.js retries only what a moment may cure.
    manifestLoadPolicy: policy(8_000, 5_000, 0),
    playlistLoadPolicy: policy(12_000, 8_000, 1),
    fragLoadPolicy: policy(15_000, 8_000, 2),
  };
  return new Hls(config);
}

/** What an error of hls.js means to the machine; `null`: hls.js deals with it. */
export function troubleOf(data: ErrorData): Trouble | null {
  const status = data.response?.code ?? 0;
  const missing = status === 404 || status === 410;
  switch (data.details) {
    case Hls.ErrorDetails.MANIFEST_LOAD_ERROR:
    case Hls.ErrorDetails.LEVEL_LOAD_ERROR:
    case Hls.ErrorDetails.AUDIO_TRACK_LOAD_ERROR:
      if (missing) return "playlist-missing";
      break;
    case Hls.ErrorDetails.FRAG_LOAD_ERROR:
      if (missing) return "media-missing";
      break;
  }
  if (!data.fatal) return null;
  return data.type === Hls.ErrorTypes.MEDIA_ERROR ? "media" : "network";
}
