//! hls.js's settings, and its errors translated into the machine's troubles.

import Hls, { type ErrorData, type HlsConfig } from "hls.js";
import type { Trouble } from "./machine";

/** Can hls.js play here at all? Chromium says "maybe" to native HLS, so native is only for browsers without MSE. */
export const hlsSupported = () => Hls.isSupported();

export const NATIVE_TYPE = "application/vnd.apple.mpegurl";

/**
 * The instant on the screen by EXT-X-PROGRAM-DATE-TIME, Unix milliseconds; `null` while unknown. `hls` is `null` where
 * the browser plays HLS itself.
 */
export function programmeMs(hls: Hls | null, video: HTMLVideoElement): number | null {
  const start = () => (video as { getStartDate?: () => Date }).getStartDate?.().getTime() ?? Number.NaN;
  const instant = hls ? (hls.playingDate?.getTime() ?? Number.NaN) : start() + video.currentTime * 1000;
  return Number.isFinite(instant) ? instant : null;
}

/** The last instant that the browser would seek to, seconds; `null`: none. */
export const seekableEnd = ({ seekable }: HTMLVideoElement) => (seekable.length > 0 ? seekable.end(seekable.length - 1) : null);

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
    // The target is the playlist's PART-HOLD-BACK. `catchUpRate` catches up, not hls.js.
    maxLiveSyncPlaybackRate: 1,
    // A stall moves the target away by about a part (0.25 s), not by hls.js's whole second.
    liveSyncOnStallIncrease: 0.25,
    liveDurationInfinity: true,
    // The browser evicts old media when it needs memory; hls.js's own eviction makes the player starve, see `isStuck`.
    backBufferLength: Number.POSITIVE_INFINITY,
    maxBufferLength: 10,
    capLevelToPlayerSize: true,
    // CMAF needs no transmuxing, and a worker from a blob: URL would need a hole in the Content-Security-Policy.
    enableWorker: false,
    // The machine retries through the room, which survives a new epoch; hls.js retries only short failures.
    manifestLoadPolicy: policy(8_000, 5_000, 0),
    playlistLoadPolicy: policy(12_000, 8_000, 1),
    fragLoadPolicy: policy(15_000, 8_000, 2),
  };
  return new Hls(config);
}

/** The machine's trouble for an error of hls.js; `null`: hls.js recovers by itself. */
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
