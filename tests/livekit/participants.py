"""LiveKit's Python participants (a native libwebrtc) against the server: `participants.py URL ROOM`, key and secret from the environment.

"pat" publishes a picture of known colours and a tone, "quin" checks what arrives: colours and frequency, not just packets. They send
each other data, a text stream and an RPC. If "ann" is in the room, a browser's participant, her camera is watched too. Prints "done".
"""

import asyncio
import sys

import numpy as np
from common import SAMPLE_RATE, end, show, sound, token
from livekit import rtc

WIDTH, HEIGHT, FPS = 640, 360, 15
TONE_HZ = 1_000
LIMIT_S = 20
# Each is shown for half a second: red, green and blue of the left half; the right half stays grey.
COLOURS = [(220, 30, 30), (30, 200, 30), (30, 30, 220)]


async def join(url, room, identity):
    participant = rtc.Room()
    await asyncio.wait_for(participant.connect(url, token(identity, room)), LIMIT_S)
    return participant


def picture(n):
    """The colour of the moment on the left, grey on the right."""
    frame = np.full((HEIGHT, WIDTH, 4), (128, 128, 128, 255), dtype=np.uint8)
    frame[:, : WIDTH // 2, :3] = COLOURS[n * 2 // FPS % len(COLOURS)]
    return frame.tobytes()


def subscribed(room, identity, kind):
    """A future of that participant's first track of that kind."""
    future = asyncio.get_running_loop().create_future()

    def take(track, _publication, participant):
        if participant.identity == identity and track.kind == kind and not future.done():
            future.set_result(track)

    room.on("track_subscribed", take)
    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            if publication.track:
                take(publication.track, publication, participant)
    return future


async def check_colours(track):
    """Every colour is seen where it belongs."""
    seen = set()
    async for event in rtc.VideoStream(track):
        frame = event.frame.convert(rtc.VideoBufferType.RGBA)
        pixels = np.frombuffer(frame.data, dtype=np.uint8).reshape(frame.height, frame.width, 4).astype(int)
        left = pixels[frame.height // 2, frame.width // 4, :3]
        right = pixels[frame.height // 2, frame.width * 3 // 4, :3]
        assert abs(right - 128).max() < 25, f"grey is {right}"
        distances = [abs(left - np.array(colour)).max() for colour in COLOURS]
        if min(distances) < 40:
            seen.add(int(np.argmin(distances)))
        if len(seen) == len(COLOURS):
            return (frame.width, frame.height)


async def check_tone(track):
    """What is heard is the tone that was played."""
    heard = np.zeros(0)
    async for event in rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1):
        samples = np.frombuffer(event.frame.data, dtype=np.int16).astype(float)
        heard = np.append(heard, samples)[-SAMPLE_RATE // 2 :]
        if len(heard) == SAMPLE_RATE // 2 and np.abs(heard).mean() > 1_000:
            spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
            peak = np.argmax(spectrum) * SAMPLE_RATE / len(heard)
            if abs(peak - TONE_HZ) < 5:
                return peak


async def check_data(pat, quin):
    got = asyncio.Queue()
    quin.on("data_received", lambda packet: got.put_nowait((packet.data, packet.topic, packet.participant.identity)))
    # In order, and all of them.
    for n in range(100):
        await pat.local_participant.publish_data(f"{n}", reliable=True, topic="count", destination_identities=["quin"])
    for n in range(100):
        assert await asyncio.wait_for(got.get(), LIMIT_S) == (str(n).encode(), "count", "pat")

    texts = asyncio.Queue()

    async def read(reader, identity):
        texts.put_nowait((identity, await reader.read_all()))

    tasks = []
    quin.register_text_stream_handler("long", lambda reader, who: tasks.append(asyncio.create_task(read(reader, who))))
    long = "Überlauf! " * 5_000
    await pat.local_participant.send_text(long, topic="long")
    assert await asyncio.wait_for(texts.get(), LIMIT_S) == ("pat", long)

    @quin.local_participant.register_rpc_method("double")
    async def double(call):
        return str(int(call.payload) * 2)

    answer = await pat.local_participant.perform_rpc(destination_identity="quin", method="double", payload="21")
    assert answer == "42", answer


async def main(url, name):
    pat, quin = await join(url, name, "pat"), await join(url, name, "quin")
    pictures, voice = rtc.VideoSource(WIDTH, HEIGHT), rtc.AudioSource(SAMPLE_RATE, 1)
    playing = [show(pictures, (WIDTH, HEIGHT), FPS, picture), sound(voice, TONE_HZ)]
    playing = [asyncio.create_task(one) for one in playing]
    video = subscribed(quin, "pat", rtc.TrackKind.KIND_VIDEO)
    audio = subscribed(quin, "pat", rtc.TrackKind.KIND_AUDIO)
    camera = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=True)
    microphone = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    shown = await pat.local_participant.publish_track(rtc.LocalVideoTrack.create_video_track("picture", pictures), camera)
    await pat.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("voice", voice), microphone)
    size = await asyncio.wait_for(check_colours(await asyncio.wait_for(video, LIMIT_S)), LIMIT_S)
    tone = await asyncio.wait_for(check_tone(await asyncio.wait_for(audio, LIMIT_S)), LIMIT_S)
    print("picture", size, "tone", tone)
    await check_data(pat, quin)
    if "ann" in quin.remote_participants:
        track = await asyncio.wait_for(subscribed(quin, "ann", rtc.TrackKind.KIND_VIDEO), LIMIT_S)
        async for event in rtc.VideoStream(track):
            print("ann's picture", event.frame.width, event.frame.height)
            break

    gone = asyncio.Event()
    quin.on("track_unpublished", lambda *_: gone.set())
    await pat.local_participant.unpublish_track(shown.sid)
    await asyncio.wait_for(gone.wait(), LIMIT_S)
    for task in playing:
        task.cancel()
    await pat.disconnect()
    await quin.disconnect()
    print("done", flush=True)
    end()


asyncio.run(main(*sys.argv[1:]))
