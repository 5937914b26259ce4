"""LiveKit's Python server API against the server: `room_service.py URL ROOM`, key and secret from the environment.

It speaks protobuf, where the JavaScript one speaks JSON. The room has one publisher, "ann". Prints "done".
"""

import asyncio
import os
import sys
import urllib.parse

import aiohttp
from livekit import api


async def wait_for_egress(livekit, room, status):
    """The room's only egress, once it has come to `status`."""
    for _ in range(300):
        listed = await livekit.egress.list_egress(api.ListEgressRequest(room_name=room))
        if [one.status for one in listed.items] == [status]:
            return listed.items[0]
        await asyncio.sleep(0.1)
    raise AssertionError(f"not {api.EgressStatus.Name(status)}: {listed}")


async def media_playlist(url):
    """The first that the multivariant playlist at `url` names."""
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as reply:
            lines = (await reply.text()).splitlines()
        first = next(line for line in lines if line and not line.startswith("#"))
        async with session.get(urllib.parse.urljoin(url, first)) as reply:
            return await reply.text()


async def broadcast(livekit, room):
    """Somebody is on stage: the room is on the air. Stopping that ends its playlists, and starting it again makes another."""
    egress = await wait_for_egress(livekit, room, api.EgressStatus.EGRESS_ACTIVE)
    playlist = egress.segment_results[0].playlist_location
    assert egress.started_at > 0 and "#EXT-X-ENDLIST" not in await media_playlist(playlist), egress
    stopped = await livekit.egress.stop_egress(api.StopEgressRequest(egress_id=egress.egress_id))
    assert stopped.ended_at > stopped.started_at > 0, stopped
    over = await wait_for_egress(livekit, room, api.EgressStatus.EGRESS_COMPLETE)
    assert over.egress_id == egress.egress_id, over
    assert "#EXT-X-ENDLIST" in await media_playlist(playlist)
    try:
        file = api.EncodedFileOutput(filepath="a.mp4")
        await livekit.egress.start_room_composite_egress(
            api.RoomCompositeEgressRequest(room_name=room, file_outputs=[file])
        )
        raise AssertionError("a file was promised")
    except api.TwirpError as error:
        assert error.code == "unimplemented" and "LL-HLS" in error.message, error
    started = await livekit.egress.start_room_composite_egress(
        api.RoomCompositeEgressRequest(room_name=room, layout="speaker")
    )
    again = await wait_for_egress(livekit, room, api.EgressStatus.EGRESS_ACTIVE)
    assert again.egress_id == started.egress_id != egress.egress_id, (started, again)
    assert again.room_composite.layout == "speaker", again
    assert "#EXT-X-ENDLIST" not in await media_playlist(playlist)


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
        await broadcast(livekit, room)
        await livekit.room.delete_room(api.DeleteRoomRequest(room="made-by-python"))
    print("done")


asyncio.run(main(*sys.argv[1:]))
