// Receives webhooks as LiveKit's own SDK does, signature checked: `node webhooks.mjs PORT`, key and secret from the environment.
// Prints a line an event, with Spillway's own details of it if there are any.
import { createServer } from "node:http";
import { WebhookReceiver } from "livekit-server-sdk";

const receiver = new WebhookReceiver(process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET);

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    try {
      const body = Buffer.concat(chunks).toString("utf8");
      const event = await receiver.receive(body, request.headers.authorization);
      const { room, participant, track } = event;
      const { spillway } = JSON.parse(body);
      const words = [event.event, room?.name, participant?.identity, track?.mimeType, spillway && JSON.stringify(spillway)];
      console.log(words.filter(Boolean).join(" "));
      response.end();
    } catch (error) {
      console.log(`refused: ${error}`);
      response.writeHead(400).end();
    }
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
