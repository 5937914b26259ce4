"""`web/examples/moving.py` against the server: `follow_move.py URL ROOM`, key and secret from the environment. The room has a
speaker and is on the air. The server's API plays the part of a server that moves the viewer. Prints "done"."""

import asyncio
import json
import os
import sys
from pathlib import Path

from common import end, token
from livekit import api

EXAMPLE = Path(__file__).parents[2] / "web" / "examples" / "moving.py"
ANSWER_S_MAX = 25


async def until(lines, event):
    """The next line that tells of `event`."""
    async with asyncio.timeout(ANSWER_S_MAX):
        while line := await lines.readline():
            told = json.loads(line)
            if told["event"] == event:
                return told
    raise EOFError(f"the example ended before {event}")


async def main(url, room):
    seat = {"delivery": "interactive", "url": url, "token": token("mover", room), "reason": "seat"}
    broadcast = {"delivery": "broadcast", "playlist": f"{url}/live/{room}/index.m3u8", "ready": True, "reason": "room_full"}
    pipe = asyncio.subprocess.PIPE
    example = await asyncio.create_subprocess_exec(sys.executable, EXAMPLE, url, room, json.dumps(seat), stdin=pipe, stdout=pipe)
    await until(example.stdout, "pictures")
    async with api.LiveKitAPI(url, os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]) as server:
        data = json.dumps(broadcast).encode()
        told = api.SendDataRequest(room=room, data=data, kind=0, topic="spillway.move", destination_identities=["mover"])
        await server.room.send_data(told)
        assert (await until(example.stdout, "move"))["delivery"] == "broadcast"
        assert (await until(example.stdout, "broadcast"))["renditions"] > 0
    example.stdin.write(json.dumps(seat).encode() + b"\n")
    await until(example.stdout, "pictures")
    example.stdin.close()
    async with asyncio.timeout(ANSWER_S_MAX):
        await example.wait()
    print("done", flush=True)
    end()


asyncio.run(main(*sys.argv[1:]))
