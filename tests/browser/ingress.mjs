// LiveKit's own server SDK and an ingress: `node ingress.mjs URL ROOM create`, and `delete ID` while somebody publishes by it.
// Key and secret come from the environment. Prints the ingress as JSON.
import assert from "node:assert/strict";
import { IngressClient, IngressInput } from "livekit-server-sdk";

const [url, room, what, ingress] = process.argv.slice(2);
const client = new IngressClient(url, process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET);
/** `ENDPOINT_PUBLISHING` of `IngressState.Status`, which the SDK does not name. */
const PUBLISHING = 2;

async function create() {
  const who = { name: "from Node", roomName: room, participantIdentity: "node", participantName: "Node" };
  await assert.rejects(client.createIngress(IngressInput.RTMP_INPUT, who), { code: "unimplemented" });
  const made = await client.createIngress(IngressInput.WHIP_INPUT, who);
  const listed = await client.listIngress({ roomName: room });
  assert.deepEqual(listed.map((one) => one.ingressId), [made.ingressId]);
  return made;
}

async function remove() {
  const [listed] = await client.listIngress({ ingressId: ingress });
  assert.equal(listed.state.status, PUBLISHING);
  const gone = await client.deleteIngress(ingress);
  assert.deepEqual(await client.listIngress(), []);
  await assert.rejects(client.deleteIngress(ingress), { code: "not_found" });
  return gone;
}

const told = await (what === "create" ? create() : remove());
console.log(JSON.stringify({ id: told.ingressId, url: told.url, key: told.streamKey }));
