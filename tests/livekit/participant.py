"""A participant on LiveKit's Python SDK, driven by the tests over stdin and stdout: `participant.py URL TOKEN [-publish]`.

With -publish it sends a picture that changes and a tone, as camera and microphone. It always receives and decodes what others publish.

Each line of stdin is a command: "reliable TEXT" and "lossy TEXT" send data to everybody, the end of the input leaves the room. Each
line of stdout is an event, a JSON object with the fields that tests/go/main.go names.
"""

import asyncio
import json
import sys

import numpy as np
from common import SAMPLE_RATE, end, show, sound
from livekit import rtc

WIDTH, HEIGHT, FPS = 320, 180, 15
TONE_HZ = 440
# Counts are told once in so many frames.
TELL_EVERY = 5


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def picture(n):
    """One colour after another, and a white column that moves."""
    frame = np.full((HEIGHT, WIDTH, 4), (n * 5 % 256, 128, 64, 255), dtype=np.uint8)
    frame[:, n % WIDTH] = 255
    return frame.tobytes()


async def publish(room):
    camera, voice = rtc.VideoSource(WIDTH, HEIGHT), rtc.AudioSource(SAMPLE_RATE, 1)
    playing = [show(camera, (WIDTH, HEIGHT), FPS, picture), sound(voice, TONE_HZ)]
    playing = [asyncio.create_task(one) for one in playing]
    for track, options in [
        (rtc.LocalVideoTrack.create_video_track("camera", camera), {"source": rtc.TrackSource.SOURCE_CAMERA, "simulcast": False}),
        (rtc.LocalAudioTrack.create_audio_track("microphone", voice), {"source": rtc.TrackSource.SOURCE_MICROPHONE}),
    ]:
        await room.local_participant.publish_track(track, rtc.TrackPublishOptions(**options))
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
    end()


asyncio.run(main(*sys.argv[1:]))
