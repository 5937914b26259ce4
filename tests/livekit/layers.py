"""Random switches between the layers of one camera, each decoded picture checked: `layers.py URL ROOM SWITCHES SEED [CODEC]`.

A native publisher sends three sizes of known pictures, in three streams (VP8) or layered in one (VP9, AV1); a native subscriber asks
for one size after another, at random times. A picture is broken if any of its sixteen patches has not the colour that it should have.
Prints how many were, and how long switches took from the request to the first picture of the new size. Key and secret are from the
environment. Prints "done".
"""

import asyncio
import random
import sys
import time

import numpy as np
from common import end, show, token
from livekit import rtc

WIDTH, HEIGHT, FPS = 1280, 720, 15
LIMIT_S = 30
SWITCH_MAX_S = 10
QUALITIES = {
    "low": (rtc.VideoQuality.VIDEO_QUALITY_LOW, 320),
    "medium": (rtc.VideoQuality.VIDEO_QUALITY_MEDIUM, 640),
    "high": (rtc.VideoQuality.VIDEO_QUALITY_HIGH, 1280),
}
CODECS = {"vp8": rtc.VideoCodec.VP8, "vp9": rtc.VideoCodec.VP9, "av1": rtc.VideoCodec.AV1}
# Greys of a 4 × 4 checkered pattern, far enough apart to tell; they move by a column every frame, so that a wrong reference shows.
GREYS = np.array([40, 100, 160, 220])
TOLERANCE = 22


def pattern(shift):
    """The four greys of each row of patches, each row turned by one more."""
    return np.array([[GREYS[(column + row + shift) % 4] for column in range(4)] for row in range(4)])


PATTERNS = [pattern(shift) for shift in range(4)]


def picture(n):
    greys = np.kron(PATTERNS[n % 4], np.ones((HEIGHT // 4, WIDTH // 4))).astype(np.uint8)
    frame = np.empty((HEIGHT, WIDTH, 4), dtype=np.uint8)
    frame[:, :, :3] = greys[:, :, None]
    frame[:, :, 3] = 255
    return frame.tobytes()


def is_whole(frame):
    """Whether the picture is one of the four."""
    grey = np.frombuffer(frame.data, dtype=np.uint8)[: frame.width * frame.height].reshape(frame.height, frame.width)
    rows = [frame.height * (2 * i + 1) // 8 for i in range(4)]
    columns = [frame.width * (2 * i + 1) // 8 for i in range(4)]
    seen = grey[np.ix_(rows, columns)].astype(int)
    return any(np.abs(seen - expected).max() <= TOLERANCE for expected in PATTERNS)


async def main(url, name, switches, seed, codec="vp8"):
    rng = random.Random(int(seed))
    publisher, subscriber = rtc.Room(), rtc.Room()
    track = asyncio.get_running_loop().create_future()
    subscriber.on("track_subscribed", lambda t, publication, _: track.set_result((t, publication)))
    await asyncio.wait_for(publisher.connect(url, token("pat", name)), LIMIT_S)
    await asyncio.wait_for(subscriber.connect(url, token("quin", name)), LIMIT_S)
    source = rtc.VideoSource(WIDTH, HEIGHT)
    pictures = [picture(n) for n in range(4)]
    playing = asyncio.create_task(show(source, (WIDTH, HEIGHT), FPS, lambda n: pictures[n % 4]))
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=True, video_codec=CODECS[codec])
    if codec != "vp8":
        options.scalability_mode = "L3T3_KEY"
    await publisher.local_participant.publish_track(rtc.LocalVideoTrack.create_video_track("picture", source), options)
    video, publication = await asyncio.wait_for(track, LIMIT_S)

    width, arrived, counts = 0, asyncio.Event(), {"pictures": 0, "broken": 0}

    async def watch():
        nonlocal width
        async for event in rtc.VideoStream(video, format=rtc.VideoBufferType.I420):
            counts["pictures"] += 1
            counts["broken"] += not is_whole(event.frame)
            width = event.frame.width
            arrived.set()

    async def until(wanted):
        while width != wanted:
            arrived.clear()
            await arrived.wait()

    watching = asyncio.create_task(watch())
    # All layers run, and the path has shown what it bears, before the first switch is asked for.
    await asyncio.wait_for(until(WIDTH), LIMIT_S)
    await asyncio.sleep(3)
    took, now = [], "high"
    for _ in range(int(switches)):
        await asyncio.sleep(rng.uniform(0, 0.4))
        now = rng.choice([other for other in QUALITIES if other != now])
        quality, wanted = QUALITIES[now]
        start = time.monotonic()
        publication.set_video_quality(quality)
        await asyncio.wait_for(until(wanted), SWITCH_MAX_S)
        took.append(time.monotonic() - start)
    playing.cancel()
    watching.cancel()
    p50, p95, worst = (np.quantile(took, q) * 1000 for q in (0.5, 0.95, 1))
    print(f"{codec}, seed {seed}: {len(took)} switches, p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {worst:.0f} ms;", end=" ")
    print(f"{counts['pictures']} pictures, {counts['broken']} broken")
    assert counts["broken"] == 0
    await publisher.disconnect()
    await subscriber.disconnect()
    print("done", flush=True)
    end()


asyncio.run(main(*sys.argv[1:]))
