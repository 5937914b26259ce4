// Injected into the watch page: a viewer's picture and sound, sixty times a second. `window.handover.take()` gives and
// forgets the samples. No sample asks the player where it is: the picture in front is the element that the page has
// there, its time is read off the picture, and sound is the elements' own, at the volume they have. The broadcast's
// date stands beside them, to tell errors of the broadcast from errors of the move.
(() => {
  // How the synthetic speaker burns its counter in (`ingest/src/synthetic/picture.rs`): one row of cells, the most
  // significant bit first, white for 1; before it a cell that is always white, behind it one that is white if the
  // number of ones is odd. Positions are shares of the speaker's picture. The counter counts milliseconds since 1970,
  // modulo 2^bits.
  const LAYOUT = { left: 0.05, top: 0.05, width: 0.9, height: 0.05, bits: 24 };
  // Where the first speaker's picture may stand, as shares of a path's picture: alone, of two, of four, of nine.
  const TILES = [
    { left: 0, top: 0, side: 1 },
    { left: 0, top: 0.25, side: 0.5 },
    { left: 0, top: 0, side: 0.5 },
    { left: 0, top: 0, side: 1 / 3 },
  ];
  // Samples that nobody takes are forgotten from here on: ten minutes.
  const SAMPLES_MAX = 36_000;

  const box = document.querySelector(".picture");
  const broadcast = document.querySelector(".picture > video");
  if (!box || !broadcast) return false;
  const canvas = document.createElement("canvas");
  canvas.width = LAYOUT.bits + 2;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const sounds = new AudioContext();

  function read(video, tile) {
    const cells = LAYOUT.bits + 2;
    const cell = (LAYOUT.width * tile.side * video.videoWidth) / LAYOUT.bits;
    const left = (tile.left + LAYOUT.left * tile.side) * video.videoWidth - cell;
    const middle = (tile.top + (LAYOUT.top + LAYOUT.height / 2) * tile.side) * video.videoHeight;
    context.clearRect(0, 0, cells, 1);
    for (let at = 0; at < cells; at += 1) context.drawImage(video, left + (at + 0.5) * cell - 1, middle - 1, 2, 2, at, 0, 1, 1);
    const { data } = context.getImageData(0, 0, cells, 1);
    const bits = Array.from({ length: cells }, (_, at) => data[at * 4 + 1]);
    if (bits.some((light) => light > 96 && light < 160)) return null;
    const [marker, ...rest] = bits.map((light) => (light >= 160 ? 1 : 0));
    const parity = rest.pop();
    const ones = rest.reduce((sum, bit) => sum + bit, 0);
    return marker === 1 && ones % 2 === parity ? rest.reduce((value, bit) => value * 2 + bit, 0) : null;
  }

  const tiles = new WeakMap();
  function madeMs(video, nowMs) {
    const known = tiles.get(video);
    for (const tile of known ? [known, ...TILES] : TILES) {
      const value = read(video, tile);
      if (value === null) continue;
      tiles.set(video, tile);
      const span = 2 ** LAYOUT.bits;
      const age = (((nowMs - value) % span) + span) % span;
      return age < 60_000 ? nowMs - age : null;
    }
    return null;
  }

  // The element that the first speaker's picture is seen in, left of the middle where there are two. A message over it
  // hides it.
  function front() {
    const { left, top, width, height } = box.getBoundingClientRect();
    const found = document.elementFromPoint(left + width * 0.25, top + height * 0.5);
    return found instanceof HTMLVideoElement && found.videoWidth > 0 ? found : null;
  }

  // The loudest sample of the last 21 ms that an element's tracks carry, before its volume.
  const taps = new WeakMap();
  function level(video) {
    const stream = video.srcObject ?? (video.captured ??= video.captureStream());
    let loudest = 0;
    for (const track of stream.getAudioTracks()) {
      if (track.readyState !== "live") continue;
      if (!taps.has(track)) {
        const analyser = new AnalyserNode(sounds, { fftSize: 1024 });
        sounds.createMediaStreamSource(new MediaStream([track])).connect(analyser);
        taps.set(track, { analyser, data: new Float32Array(analyser.fftSize) });
      }
      const { analyser, data } = taps.get(track);
      analyser.getFloatTimeDomainData(data);
      for (const value of data) loudest = Math.max(loudest, Math.abs(value));
    }
    return loudest;
  }
  const gain = (video) => (video.muted || video.paused ? 0 : video.volume);

  let samples = [];
  function sample() {
    const video = front();
    const seats = [...box.querySelectorAll(".picture-seat video")];
    const atMs = performance.timeOrigin + performance.now();
    samples.push({
      atMs,
      path: video === null ? null : video === broadcast ? "broadcast" : "seat",
      madeMs: video === null ? null : madeMs(video, atMs),
      seatGain: Math.max(0, ...seats.map(gain)),
      seatLevel: Math.max(0, ...seats.map(level)),
      broadcastGain: gain(broadcast),
      broadcastLevel: level(broadcast),
      broadcastDateMs: window.__spillway?.hls?.playingDate?.getTime() ?? null,
    });
    if (samples.length > SAMPLES_MAX) samples.shift();
    requestAnimationFrame(sample);
  }
  requestAnimationFrame(sample);

  window.handover = {
    take() {
      const taken = samples;
      samples = [];
      return taken;
    },
  };
  return true;
})();
