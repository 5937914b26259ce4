//! From the green room to the stage: the connection, and what camera and microphone give.

import { LocalAudioTrack, type LocalTrack, LocalVideoTrack, Room, Track, VideoPresets } from "livekit-client";

/** A room, not connected yet, that goes on with the devices of the green room. */
export const roomFor = (stream: MediaStream) =>
  new Room({
    adaptiveStream: true,
    dynacast: true,
    audioCaptureDefaults: { echoCancellation: true, noiseSuppression: true, ...deviceOf(stream.getAudioTracks()[0]) },
    videoCaptureDefaults: { resolution: VideoPresets.h720.resolution, ...deviceOf(stream.getVideoTracks()[0]) },
  });

/** Publishes what is switched on. What is off is let go, so that its light goes out; the room opens it again when wanted. */
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
  const made = new (audio ? LocalAudioTrack : LocalVideoTrack)(track, track.getConstraints(), false);
  made.source = audio ? Track.Source.Microphone : Track.Source.Camera;
  return made as LocalTrack;
}

function deviceOf(track: MediaStreamTrack | undefined): { deviceId?: string } {
  const deviceId = track?.getSettings().deviceId;
  return deviceId ? { deviceId } : {};
}
