"""What the participants on LiveKit's Python SDK share: their tokens, pictures and tones to publish, and a way to end."""

import asyncio
import math
import os
import time

import numpy as np
from livekit import api, rtc

SAMPLE_RATE = 48_000


def token(identity, room):
    """A token for `identity` in `room`; key and secret are from the environment."""
    grants = api.VideoGrants(room_join=True, room=room)
    made = api.AccessToken(os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"])
    return made.with_identity(identity).with_grants(grants).to_jwt()


async def show(source, size, fps, picture):
    """`picture(n)`, RGBA, for n from 0, so many a second, until cancelled."""
    start, n = time.monotonic(), 0
    while True:
        source.capture_frame(rtc.VideoFrame(*size, rtc.VideoBufferType.RGBA, picture(n)))
        n += 1
        await asyncio.sleep(max(0, start + n / fps - time.monotonic()))


async def sound(source, tone_hz):
    """A tone, until cancelled."""
    samples, position = SAMPLE_RATE // 100, 0
    while True:
        phase = 2 * math.pi * tone_hz * (np.arange(samples) + position) / SAMPLE_RATE
        position += samples
        data = (np.sin(phase) * 12_000).astype(np.int16).tobytes()
        await source.capture_frame(rtc.AudioFrame(data, SAMPLE_RATE, 1, samples))


def end():
    """Ends the process at once: the wheel's own threads now and then panic when the interpreter ends under them."""
    os._exit(0)
