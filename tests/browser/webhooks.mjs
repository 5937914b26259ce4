// Receives webhooks as LiveKit's own SDK does, signature checked: `node webhooks.mjs PORT`, key and secret from the environment.
// Prints a line an event.
import { createServer } from "node:http";
import { WebhookReceiver } from "livekit-server-sdk";

const receiver = new WebhookReceiver(process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET);

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    try {
      const event = await receiver.receive(Buffer.concat(chunks).toString("utf8"), request.headers.authorization);
      const { room, participant, track } = event;
      console.log([event.event, room?.name, participant?.identity, track?.mimeType].filter(Boolean).join(" "));
      response.end();
    } catch (error) {
      console.log(`refused: ${error}`);
      response.writeHead(400).end();
    }
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
