// LiveKit's own server SDK against the server: `node room-service.mjs URL ROOM`, key and secret from the environment.
// The room has one publisher, "ann", when this starts; at the end she is removed, and the room is gone. Prints "done".
import assert from "node:assert/strict";
import { RoomServiceClient } from "livekit-server-sdk";

const [url, room] = process.argv.slice(2);
const client = new RoomServiceClient(url, process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET);

const made = await client.createRoom({ name: "made-by-sdk", metadata: "about it", emptyTimeout: 60 });
assert.equal(made.name, "made-by-sdk");
assert.equal((await client.createRoom({ name: "made-by-sdk" })).sid, made.sid);
assert.equal((await client.updateRoomMetadata("made-by-sdk", "changed")).metadata, "changed");

const [listed] = await client.listRooms([room]);
assert.deepEqual([listed.name, listed.numPublishers], [room, 1]);

const participants = await client.listParticipants(room);
assert.deepEqual(participants.map((one) => one.identity), ["ann"]);
const ann = await client.getParticipant(room, "ann");
assert.deepEqual(ann.tracks.map((track) => track.mimeType).sort(), ["audio/opus", "video/H264"]);
await client.removeParticipant(room, "ann");
await assert.rejects(client.getParticipant(room, "ann"), { code: "not_found" });

await client.deleteRoom("made-by-sdk");
await assert.rejects(client.deleteRoom("made-by-sdk"), { code: "not_found" });
await client.sendData(room, new Uint8Array(64_000), 0, {});
await assert.rejects(client.mutePublishedTrack(room, "nobody", "TR_x", true), { code: "not_found" });
console.log("done");
