//! Which simulcast layers a camera's picture is sent in.

/**
 * Chromium sends no more layers than a picture of that size deserves in its eyes (three from 960 × 540 on, two from 480 × 270),
 * and of those it was given leaves out the last ones: of three layers of a 360-line camera the largest would be 180 lines high.
 * So it is given just as many.
 */
export function layersOf(width: number, height: number): RTCRtpEncodingParameters[] {
  const pixels = width * height;
  if (pixels >= 960 * 540) {
    return [
      { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
      { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
      { rid: "f", maxBitrate: 1_700_000 },
    ];
  }
  if (pixels >= 480 * 270) {
    return [
      { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 150_000 },
      { rid: "f", maxBitrate: 700_000 },
    ];
  }
  return [{ maxBitrate: 300_000 }];
}
