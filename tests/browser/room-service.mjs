// LiveKit's own server SDK against the server: `node room-service.mjs URL ROOM`, key and secret from the environment.
// The room has one publisher, "ann", when this starts; at the end she is removed, and the room is gone. Prints "done".
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import {
  EgressClient,
  EgressStatus,
  EncodedFileOutput,
  RoomServiceClient,
  SegmentedFileOutput,
} from "livekit-server-sdk";

const [url, room] = process.argv.slice(2);
const keys = [process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET];
const client = new RoomServiceClient(url, ...keys);
const egresses = new EgressClient(url, ...keys);

/** The room's only egress, once it has come to `status`. */
async function egress(status) {
  for (let tries = 0; tries < 300; tries++) {
    const listed = await egresses.listEgress({ roomName: room });
    if (listed.length === 1 && listed[0].status === status) return listed[0];
    await setTimeout(100);
  }
  throw new Error(`no egress is ${EgressStatus[status]}`);
}

const made = await client.createRoom({ name: "made-by-sdk", metadata: "about it", emptyTimeout: 60 });
assert.equal(made.name, "made-by-sdk");
assert.equal((await client.createRoom({ name: "made-by-sdk" })).sid, made.sid);
assert.equal((await client.updateRoomMetadata("made-by-sdk", "changed")).metadata, "changed");

const [listed] = await client.listRooms([room]);
assert.deepEqual([listed.name, listed.numPublishers], [room, 1]);

const onAir = await egress(EgressStatus.EGRESS_ACTIVE);
const output = { segments: new SegmentedFileOutput({ filenamePrefix: "a", playlistName: "a.m3u8" }) };
assert.equal((await egresses.startRoomCompositeEgress(room, output)).egressId, onAir.egressId);
await egresses.stopEgress(onAir.egressId);
assert.equal((await egress(EgressStatus.EGRESS_COMPLETE)).egressId, onAir.egressId);
assert.deepEqual(await egresses.listEgress({ active: true }), []);
await assert.rejects(egresses.stopEgress(onAir.egressId), { code: "failed_precondition" });
const file = { file: new EncodedFileOutput({ filepath: "a.mp4" }) };
await assert.rejects(egresses.startRoomCompositeEgress(room, file), { code: "unimplemented" });
await assert.rejects(egresses.startWebEgress("https://a.example", file), { code: "unimplemented" });
const again = await egresses.startRoomCompositeEgress(room, output, { layout: "grid" });
assert.notEqual(again.egressId, onAir.egressId);
assert.equal((await egress(EgressStatus.EGRESS_ACTIVE)).egressId, again.egressId);

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
