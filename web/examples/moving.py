"""Follows a room from a seat to the broadcast and back with LiveKit's Python SDK (`pip install livekit`); `docs/moving.md` has the rules.

`moving.py SERVER ROOM [ANSWER]` joins as a guest, or begins with a join's answer (JSON). Each line of stdout is a JSON object:
{"event": "seat" | "pictures" | "move" | "broadcast" | "left" | "waiting", ...}. It ends with its input.

In a seat it decodes pictures. Of the broadcast it reads the playlist; an app would hand its URL to a player.
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request

from livekit import rtc

MOVE_TOPIC = "spillway.move"
JOIN_AGAIN_S = 2
# Counts are told once in so many pictures.
TELL_EVERY = 10


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def post(url, token, body):
    """The answer to a POST; raises urllib.error.HTTPError."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=8) as response:
        return json.load(response)


def get(url):
    with urllib.request.urlopen(url, timeout=8) as response:
        return response.read().decode()


class Watcher:
    """One viewer. `answers` holds what is still to be followed; the newest counts."""

    def __init__(self, server, name, token=None):
        self.server, self.name, self.token = server, name, token
        self.answers = asyncio.Queue(maxsize=8)
        self.room, self.watching, self.tasks = None, None, set()

    async def run(self, answer=None):
        while True:
            answer = answer or await self.join()
            while not self.answers.empty():
                answer = self.answers.get_nowait()
            self.token = answer.get("token") or self.token
            follow = self.take_seat if answer["delivery"] == "interactive" else self.play_broadcast
            answer = await follow(answer)

    async def join(self, wish=None):
        """Asks until there is an answer, no sooner than the server says."""
        while True:
            try:
                body = {"delivery": wish} if wish else {}
                return await asyncio.to_thread(post, f"{self.server}/v1/rooms/{self.name}/join", self.token, body)
            except urllib.error.HTTPError as error:
                wait_s = float(error.headers.get("retry-after") or 5)
                emit("waiting", status=error.code, wait_s=wait_s)
            except OSError:
                wait_s = 5
            await asyncio.sleep(wait_s)

    async def take_seat(self, answer):
        """Sits until the server says otherwise. The answer to follow next; None: join again."""
        room = rtc.Room()
        left = asyncio.get_running_loop().create_future()

        def on_data(packet):
            # The server alone sends without a participant: nobody in the room can send others away.
            if packet.topic == MOVE_TOPIC and packet.participant is None and not self.answers.full():
                self.answers.put_nowait(json.loads(packet.data))
                emit("move", delivery=json.loads(packet.data)["delivery"])

        def on_track(track, _publication, _participant):
            if track.kind == rtc.TrackKind.KIND_VIDEO:
                task = asyncio.create_task(self.watch(track))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

        room.on("data_received", on_data)
        room.on("track_subscribed", on_track)
        room.on("disconnected", lambda _reason: left.done() or left.set_result(None))
        await room.connect(answer["url"], answer["token"])
        self.room = room
        emit("seat")
        told = asyncio.create_task(self.answers.get())
        await asyncio.wait([left, told], return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            told.cancel()
            emit("left")
            return None
        # The seat stays until the broadcast plays; `play_broadcast` leaves it.
        return told.result()

    async def watch(self, track):
        frames = 0
        async for _ in rtc.VideoStream(track):
            frames += 1
            if frames % TELL_EVERY == 0:
                emit("pictures", frames=frames)

    async def play_broadcast(self, answer):
        """Plays until the server offers a seat. The answer to follow next."""
        while not answer.get("ready", True):
            await asyncio.sleep((answer.get("retry_after_ms") or JOIN_AGAIN_S * 1000) / 1000)
            answer = await self.join("broadcast")
            if answer["delivery"] == "interactive":
                return answer
        playlist = await asyncio.to_thread(get, answer["playlist"])
        emit("broadcast", renditions=playlist.count("#EXT-X-STREAM-INF"))
        if self.room:
            room, self.room = self.room, None
            await room.disconnect()
        # An app that shows chat has the events socket open, and is told there of a seat (`docs/moving.md`).
        return await self.answers.get()


async def main(server, name, *rest):
    watcher = Watcher(server, name)
    running = asyncio.create_task(watcher.run(json.loads(rest[0]) if rest else None))
    loop = asyncio.get_running_loop()
    # Each line of the input is an answer to follow, as an app has it from the events socket.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await watcher.answers.put(json.loads(line))
    running.cancel()
    if watcher.room:
        await watcher.room.disconnect()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
