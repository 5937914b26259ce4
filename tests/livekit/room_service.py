"""LiveKit's Python server API against the server: `room_service.py URL ROOM`, key and secret from the environment.

It speaks protobuf, where the JavaScript one speaks JSON. The room has one publisher, "ann". Prints "done".
"""

import asyncio
import os
import sys

from livekit import api


async def main(url, room):
    async with api.LiveKitAPI(url, os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]) as livekit:
        made = await livekit.room.create_room(api.CreateRoomRequest(name="made-by-python", metadata="about it"))
        assert (made.name, made.metadata) == ("made-by-python", "about it"), made
        listed = await livekit.room.list_rooms(api.ListRoomsRequest(names=["made-by-python", room]))
        assert {one.name: one.num_publishers for one in listed.rooms} == {"made-by-python": 0, room: 1}, listed
        told = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
        assert [one.identity for one in told.participants] == ["ann"], told
        who = api.RoomParticipantIdentity(room=room, identity="nobody")
        try:
            await livekit.room.remove_participant(who)
            raise AssertionError("nobody was removed")
        except api.TwirpError as error:
            assert error.code == "not_found", error
        await livekit.room.delete_room(api.DeleteRoomRequest(room="made-by-python"))
    print("done")


asyncio.run(main(*sys.argv[1:]))
