"""LiveKit's Python library and an ingress: `ingress.py URL ROOM create`, and `delete ID` while somebody publishes by it.

Key and secret come from the environment. Prints the ingress as JSON.
"""

import asyncio
import json
import os
import sys

from livekit import api


async def create(livekit, room):
    made = await livekit.ingress.create_ingress(
        api.CreateIngressRequest(
            input_type=api.IngressInput.WHIP_INPUT,
            name="from Python",
            room_name=room,
            participant_identity="python",
            participant_name="Python",
        )
    )
    listed = await livekit.ingress.list_ingress(api.ListIngressRequest(room_name=room))
    assert [one.ingress_id for one in listed.items] == [made.ingress_id], listed
    return made


async def delete(livekit, ingress):
    listed = await livekit.ingress.list_ingress(api.ListIngressRequest(ingress_id=ingress))
    status = [one.state.status for one in listed.items]
    assert status == [api.IngressState.Status.ENDPOINT_PUBLISHING], listed
    gone = await livekit.ingress.delete_ingress(api.DeleteIngressRequest(ingress_id=ingress))
    listed = await livekit.ingress.list_ingress(api.ListIngressRequest())
    assert not listed.items, listed
    return gone


async def main(url, room, what, ingress=None):
    async with api.LiveKitAPI(url, os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]) as livekit:
        told = await (create(livekit, room) if what == "create" else delete(livekit, ingress))
    print(json.dumps({"id": told.ingress_id, "url": told.url, "key": told.stream_key}))


asyncio.run(main(*sys.argv[1:]))
