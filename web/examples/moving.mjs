//! Follows a room from a seat to the broadcast and back, in an app that has LiveKit's JavaScript SDK (`livekit-client`)
//! and hls.js. Copy it, or import it as it is; both libraries are given to it, so it needs no bundler.
//! `docs/moving.md` has the rules.
//!
//! A seat's pictures and sounds go into `stage`, the broadcast plays in `video`; both are elements of the page, on each
//! other.

/** The topic of the data packet that tells a client of LiveKit's to move. */
export const MOVE_TOPIC = "spillway.move";
/** A broadcast that is starting is joined again so often, milliseconds, where the server does not say. */
const JOIN_AGAIN_MS = 2_000;
const RECONNECT_MS_MAX = 30_000;

export class RoomWatcher {
  #room = null;
  #player = null;
  #events = null;
  #attempt = 0;
  #timer;
  #ended = false;
  #answer = null;

  /**
   * `server` is an origin, as `https://live.example`; `token` may be null where anybody may watch. After each move
   * `onMove(delivery, reason)` is called.
   */
  constructor({ livekit, Hls, server, room, token = null, stage, video, onMove = () => undefined }) {
    Object.assign(this, { livekit, Hls, server, name: room, token, stage, video, onMove });
  }

  /** Asks where to watch, and watches there. `wish`: "interactive", "broadcast", or nothing for what there is. */
  async join(wish) {
    const headers = { "content-type": "application/json", ...(this.token ? { authorization: `Bearer ${this.token}` } : {}) };
    const body = JSON.stringify(wish ? { delivery: wish } : {});
    const response = await fetch(`${this.server}/v1/rooms/${encodeURIComponent(this.name)}/join`, { method: "POST", headers, body });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.detail ?? answer.title), { status: response.status, retryAfter: response.headers.get("retry-after") });
    await this.follow(answer);
    return answer;
  }

  /** Watches as a join's answer says. The path that was watched goes on until the other one plays. */
  async follow(answer) {
    this.#answer = answer;
    // A guest's token: the next join is the same viewer's.
    this.token = answer.token ?? this.token;
    clearTimeout(this.#timer);
    if (answer.events) this.#listen(answer.events);
    if (answer.delivery === "interactive") await this.#takeSeat(answer);
    else await this.#playBroadcast(answer);
    if (this.#answer === answer) this.onMove(answer.delivery, answer.reason);
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#events?.close();
    this.#leaveSeat();
    this.#stopBroadcast();
  }

  async #takeSeat({ url, token }) {
    const { Room, RoomEvent } = this.livekit;
    const room = new Room({ adaptiveStream: true });
    const playing = new Promise((resolve) => room.once(RoomEvent.TrackSubscribed, resolve));
    room.on(RoomEvent.TrackSubscribed, (track) => this.stage.append(track.attach()));
    room.on(RoomEvent.TrackUnsubscribed, (track) => track.detach().forEach((element) => element.remove()));
    room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => {
      // The server alone sends without a participant: nobody in the room can send others away.
      if (topic !== MOVE_TOPIC || participant) return;
      void this.follow(JSON.parse(new TextDecoder().decode(payload))).catch(() => this.#joinLater(JOIN_AGAIN_MS));
    });
    room.on(RoomEvent.Disconnected, () => {
      // The Leave that follows a move is expected; any other end means asking again.
      if (this.#room === room) this.#room = null;
      if (!this.#ended && this.#answer?.delivery === "interactive") this.#joinLater(0);
    });
    await room.connect(url, token);
    this.#room = room;
    // An empty stage sends nothing.
    await Promise.race([playing, new Promise((resolve) => setTimeout(resolve, 5_000))]);
    this.#stopBroadcast();
  }

  async #playBroadcast({ playlist, ready, retry_after_ms: retryAfterMs }) {
    if (!ready) return this.#joinLater(retryAfterMs ?? JOIN_AGAIN_MS, "broadcast");
    this.#stopBroadcast();
    const player = new this.Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5 });
    this.#player = player;
    player.on(this.Hls.Events.ERROR, (_, { fatal }) => {
      if (fatal && this.#player === player) this.#joinLater(JOIN_AGAIN_MS, "broadcast");
    });
    player.loadSource(playlist);
    player.attachMedia(this.video);
    const playing = new Promise((resolve) => this.video.addEventListener("playing", resolve, { once: true }));
    await this.video.play().catch(() => undefined);
    await Promise.race([playing, new Promise((resolve) => setTimeout(resolve, 10_000))]);
    if (this.#answer?.delivery === "broadcast") this.#leaveSeat();
  }

  #leaveSeat() {
    void this.#room?.disconnect();
    this.#room = null;
    this.stage.replaceChildren();
  }

  #stopBroadcast() {
    this.#player?.destroy();
    this.#player = null;
  }

  #joinLater(afterMs, wish) {
    clearTimeout(this.#timer);
    if (!this.#ended) this.#timer = setTimeout(() => this.join(wish).catch((error) => this.#joinLater((error.retryAfter ?? 5) * 1_000, wish)), afterMs);
  }

  /** A viewer of the broadcast hears of a seat by the events socket. */
  #listen(url) {
    if (this.#events || this.#ended) return;
    const socket = new WebSocket(url, "spillway.v1.json");
    this.#events = socket;
    socket.onopen = () => (this.#attempt = 0);
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type !== "delivery") return;
      // A seat that is kept has no answer with it: the join that takes it gets one.
      const moved = frame.answer ? this.follow(frame.answer) : this.join(frame.delivery);
      void moved.catch(() => this.#joinLater(JOIN_AGAIN_MS));
    };
    socket.onclose = () => {
      this.#events = null;
      if (this.#ended) return;
      const waitMs = Math.min(RECONNECT_MS_MAX, 1_000 * 2 ** this.#attempt++) * (0.5 + Math.random() / 2);
      setTimeout(() => this.#listen(url), waitMs);
    };
  }
}
