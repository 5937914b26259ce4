import { expect, test } from "vitest";
import { layersOf } from "./layers";

test("every camera is sent in full size, and in as many smaller ones as Chromium gives it", () => {
  for (const [width, height, layers] of [[1280, 720, 3], [960, 540, 3], [640, 480, 2], [640, 360, 2], [480, 270, 2], [320, 180, 1]] as const) {
    const encodings = layersOf(width, height);
    expect(encodings).toHaveLength(layers);
    expect(encodings[layers - 1]?.scaleResolutionDownBy ?? 1).toBe(1);
  }
});
