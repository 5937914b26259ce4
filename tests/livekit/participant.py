"""A participant on LiveKit's Python SDK, driven by the tests over stdin and stdout: `participant.py URL TOKEN [-publish]`.

With -publish it sends a picture that changes and a tone, as camera and microphone. It always receives and decodes what others publish.

Each line of stdin is a command: "reliable TEXT" and "lossy TEXT" send data to everybody, the end of the input leaves the room. Each
line of stdout is an event, a JSON object with the fields that tests/go/main.go names.
"""

import asyncio
import json
import math
import os
import sys

import numpy as np
from livekit import rtc

WIDTH, HEIGHT, FPS = 320, 180, 15
SAMPLE_RATE, TONE_HZ = 48_000, 440
# Counts are told once in so many frames.
TELL_EVERY = 5


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


async def show(source):
    """Pictures of one colour after another, until cancelled."""
    n = 0
    while True:
        frame = np.full((HEIGHT, WIDTH, 4), (n * 5 % 256, 128, 64, 255), dtype=np.uint8)
        frame[:, n % WIDTH] = 255
        source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, frame.tobytes()))
        n += 1
        await asyncio.sleep(1 / FPS)


async def sound(source):
    """A tone, until cancelled."""
    samples, position = SAMPLE_RATE // 100, 0
    while True:
        phase = 2 * math.pi * TONE_HZ * (np.arange(samples) + position) / SAMPLE_RATE
        position += samples
        data = (np.sin(phase) * 12_000).astype(np.int16).tobytes()
        await source.capture_frame(rtc.AudioFrame(data, SAMPLE_RATE, 1, samples))


async def publish(room):
    picture, voice = rtc.VideoSource(WIDTH, HEIGHT), rtc.AudioSource(SAMPLE_RATE, 1)
    playing = [asyncio.create_task(show(picture)), asyncio.create_task(sound(voice))]
    camera = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
    microphone = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(rtc.LocalVideoTrack.create_video_track("camera", picture), camera)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("microphone", voice), microphone)
    return playing


async def watch(track, identity):
    """Counts decoded pictures."""
    frames = 0
    async for event in rtc.VideoStream(track):
        frames += 1
        if frames % TELL_EVERY == 0:
            size = {"width": event.frame.width, "height": event.frame.height}
            emit("received", identity=identity, track=track.sid, media="video", frames=frames, **size)


async def listen(track, identity):
    """Counts decoded frames of sound that are not silent."""
    frames = 0
    async for event in rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1):
        samples = np.frombuffer(event.frame.data, dtype=np.int16).astype(float)
        frames += bool(np.abs(samples).mean() > 500)
        if frames % TELL_EVERY == 0:
            emit("received", identity=identity, track=track.sid, media="audio", frames=frames)


def report(room, tasks):
    """Tells what happens in the room from now on."""

    def subscribed(track, _publication, participant):
        count = watch if track.kind == rtc.TrackKind.KIND_VIDEO else listen
        tasks.append(asyncio.create_task(count(track, participant.identity)))

    def data(packet):
        identity = packet.participant.identity if packet.participant else ""
        emit("data", identity=identity, text=packet.data.decode())

    room.on("track_subscribed", subscribed)
    room.on("data_received", data)
    room.on("participant_disconnected", lambda participant: emit("left", identity=participant.identity))
    room.on("reconnecting", lambda: emit("reconnecting"))
    room.on("reconnected", lambda: emit("reconnected"))
    room.on("disconnected", lambda reason: emit("disconnected", reason=str(reason)))


async def main(url, token, *options):
    room, tasks = rtc.Room(), []
    report(room, tasks)
    await room.connect(url, token)
    emit("joined")
    if "-publish" in options:
        tasks += await publish(room)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        how, _, text = line.rstrip("\n").partition(" ")
        await room.local_participant.publish_data(text, reliable=how == "reliable")
    await room.disconnect()
    # The wheel's own threads now and then panic when the interpreter ends under them.
    os._exit(0)


asyncio.run(main(*sys.argv[1:]))
