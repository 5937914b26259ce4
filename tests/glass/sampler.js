// Injected into the watch page: reads the burned counter off every frame shown. `window.glass.take()` gives and forgets the
// samples; `window.glass.state()` what else is known of the player.
(() => {
  // How the synthetic speaker burns its counter in: one row of cells, the most significant bit first, white for 1; before it a
  // cell that is always white, behind it one that is white if the number of ones is odd. Positions are shares of the speaker's
  // picture. The counter counts ticks of `tickMs` since 1970, modulo 2^bits.
  const LAYOUT = { left: 0.05, top: 0.05, width: 0.9, height: 0.05, bits: 24, tickMs: 1 };
  // Where the first speaker's picture may stand in the grid, as shares of the programme's: alone, of two, of four, of nine.
  const TILES = [
    { left: 0, top: 0, side: 1 },
    { left: 0, top: 0.25, side: 0.5 },
    { left: 0, top: 0, side: 0.5 },
    { left: 0, top: 0, side: 1 / 3 },
  ];

  const video = document.querySelector("video");
  if (!video) return false;
  const canvas = document.createElement("canvas");
  canvas.width = LAYOUT.bits + 2;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let samples = [];
  let waiting = 0;
  video.addEventListener("waiting", () => (waiting += 1));

  // The middle of each cell, scaled to one pixel.
  function read(tile) {
    const cells = LAYOUT.bits + 2;
    const cell = (LAYOUT.width * tile.side * video.videoWidth) / LAYOUT.bits;
    const left = (tile.left + LAYOUT.left * tile.side) * video.videoWidth - cell;
    const middle = (tile.top + (LAYOUT.top + LAYOUT.height / 2) * tile.side) * video.videoHeight;
    for (let at = 0; at < cells; at += 1) context.drawImage(video, left + (at + 0.5) * cell - 1, middle - 1, 2, 2, at, 0, 1, 1);
    const { data } = context.getImageData(0, 0, cells, 1);
    const bits = Array.from({ length: cells }, (_, at) => data[at * 4 + 1]);
    // Neither black nor white: no counter, or a frame on its way from one to another.
    if (bits.some((light) => light > 96 && light < 160)) return null;
    const [marker, ...rest] = bits.map((light) => (light >= 160 ? 1 : 0));
    const parity = rest.pop();
    const ones = rest.reduce((sum, bit) => sum + bit, 0);
    return marker === 1 && ones % 2 === parity ? rest.reduce((value, bit) => value * 2 + bit, 0) : null;
  }

  // Speakers come and go: the tile is looked for again whenever it is lost.
  let tile = TILES[0];
  function counter() {
    const value = read(tile);
    if (value !== null) return value;
    for (const other of TILES) {
      const there = read(other);
      if (there !== null) {
        tile = other;
        return there;
      }
    }
    return null;
  }

  // The counter wraps: it means the last time it stood at this value.
  function madeMs(value, nowMs) {
    if (value === null) return null;
    const span = 2 ** LAYOUT.bits * LAYOUT.tickMs;
    const age = (((nowMs - value * LAYOUT.tickMs) % span) + span) % span;
    return age < 60_000 ? nowMs - age : null;
  }

  function onFrame(_, { expectedDisplayTime }) {
    const shownMs = performance.timeOrigin + expectedDisplayTime;
    const hls = window.__spillway?.hls;
    const date = hls?.playingDate?.getTime();
    samples.push({
      shownMs,
      madeMs: madeMs(counter(), shownMs),
      hlsLatencyMs: hls ? hls.latency * 1000 : null,
      dateLatencyMs: date === undefined ? null : Date.now() - date,
    });
    video.requestVideoFrameCallback(onFrame);
  }

  video.requestVideoFrameCallback(onFrame);
  window.glass = {
    take() {
      const taken = samples;
      samples = [];
      return taken;
    },
    state() {
      const quality = video.getVideoPlaybackQuality();
      return {
        waiting,
        dropped: quality.droppedVideoFrames,
        decoded: quality.totalVideoFrames,
        height: video.videoHeight,
        rate: video.playbackRate,
        targetMs: (window.__spillway?.hls?.targetLatency ?? 0) * 1000,
      };
    },
  };
  return true;
})();
