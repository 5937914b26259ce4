// Injected into the watch page: reads the burned counter off every frame shown. `window.glass.take()` gives and forgets the
// samples; `window.glass.state()` what else is known of the player.
(() => {
  // How the synthetic speaker burns its counter in: one row of square cells, the most significant bit first, white for 1.
  // Positions are shares of the picture's width and height. The counter counts ticks of `tickMs` since 1970, modulo 2^bits.
  const LAYOUT = { left: 0.05, top: 0.05, width: 0.9, height: 0.05, bits: 24, tickMs: 1 };

  const video = document.querySelector("video");
  if (!video) return false;
  const canvas = document.createElement("canvas");
  canvas.width = LAYOUT.bits;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let samples = [];
  let waiting = 0;
  video.addEventListener("waiting", () => (waiting += 1));

  // The middle of each cell, scaled to one pixel.
  function counter() {
    const { videoWidth, videoHeight } = video;
    const cell = (LAYOUT.width * videoWidth) / LAYOUT.bits;
    const middle = (LAYOUT.top + LAYOUT.height / 2) * videoHeight;
    let value = 0;
    for (let bit = 0; bit < LAYOUT.bits; bit += 1) {
      const x = LAYOUT.left * videoWidth + (bit + 0.5) * cell;
      context.drawImage(video, x - 1, middle - 1, 2, 2, bit, 0, 1, 1);
    }
    const { data } = context.getImageData(0, 0, LAYOUT.bits, 1);
    for (let bit = 0; bit < LAYOUT.bits; bit += 1) {
      const light = data[bit * 4 + 1];
      // Neither black nor white: no counter, or a frame on its way from one to another.
      if (light > 96 && light < 160) return null;
      value = value * 2 + (light >= 160 ? 1 : 0);
    }
    return value;
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
