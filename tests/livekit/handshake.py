"""Two native participants meet and message each other: `handshake.py URL ROOM`, key and secret from the environment.

Each step is given less time than the client waits before it begins anew with another connection. Prints "done".
"""

import asyncio
import sys
import time

from common import end, token
from livekit import rtc

# The client's own limit is 15 s.
LIMIT_S = 12


async def know_each_other(rooms):
    """Who is told of nobody yet cannot tell whose a message is."""
    while not all(room.remote_participants for room in rooms):
        await asyncio.sleep(0.02)


async def main(url, name):
    start, rooms, got = time.monotonic(), {who: rtc.Room() for who in ("pat", "quin")}, asyncio.Queue()
    for who, room in rooms.items():
        room.on("data_received", lambda packet: got.put_nowait(packet.participant.identity))
        await asyncio.wait_for(room.connect(url, token(who, name)), LIMIT_S)
    await asyncio.wait_for(know_each_other(rooms.values()), LIMIT_S)
    for who, room in rooms.items():
        await asyncio.wait_for(room.local_participant.publish_data("hello", reliable=True), LIMIT_S)
        assert await asyncio.wait_for(got.get(), LIMIT_S) == who
    for room in rooms.values():
        await room.disconnect()
    print(f"{time.monotonic() - start:.1f} s, done", flush=True)
    end()


asyncio.run(main(*sys.argv[1:]))
