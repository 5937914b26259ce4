//! From the green room to the stage: makes the room's connection and publishes the green room's tracks.

import { LocalAudioTrack, type LocalTrack, LocalVideoTrack, Room, Track, VideoPresets } from "livekit-client";

/** A room, not connected yet, that captures from the devices chosen in the green room. */
export const roomFor = (stream: MediaStream) =>
  new Room({
    adaptiveStream: true,
    dynacast: true,
    audioCaptureDefaults: { echoCancellation: true, noiseSuppression: true, ...deviceOf(stream.getAudioTracks()[0]) },
    videoCaptureDefaults: { resolution: VideoPresets.h720.resolution, ...deviceOf(stream.getVideoTracks()[0]) },
  });

/**
 * Publishes the tracks that are switched on. A track that is off is stopped, so that its device's light goes out; the
 * room opens the device again when the user switches it on.
 */
export async function publish(room: Room, stream: MediaStream): Promise<void> {
  const tracks = stream.getTracks().flatMap((track) => {
    if (track.enabled) return [localTrack(track)];
    track.stop();
    return [];
  });
  await Promise.all(tracks.map((track) => room.localParticipant.publishTrack(track)));
}

function localTrack(track: MediaStreamTrack): LocalTrack {
  const audio = track.kind === "audio";
  const local = new (audio ? LocalAudioTrack : LocalVideoTrack)(track, track.getConstraints(), false);
  local.source = audio ? Track.Source.Microphone : Track.Source.Camera;
  return local as LocalTrack;
}

function deviceOf(track: MediaStreamTrack | undefined): { deviceId?: string } {
  const deviceId = track?.getSettings().deviceId;
  return deviceId ? { deviceId } : {};
}
