import { expect, test } from "vitest";
import { GAP, arrange, fit } from "./layout";

test("few tiles use the wide box in rows, the narrow one in a column", () => {
  expect(fit(1, 1200, 560)).toEqual({ columns: 1, width: 995 });
  expect(fit(2, 1200, 560)).toEqual({ columns: 2, width: 594 });
  expect(fit(4, 1200, 600).columns).toBe(2);
  expect(fit(2, 358, 520)).toEqual({ columns: 1, width: 358 });
});

test("tiles never leave the box unless they would be too small to see", () => {
  for (let count = 1; count <= 12; count++) {
    const { columns, width } = fit(count, 1200, 560);
    expect(columns * width + (columns - 1) * GAP).toBeLessThanOrEqual(1200);
    const rows = Math.ceil(count / columns);
    expect((rows * width * 9) / 16 + (rows - 1) * GAP).toBeLessThanOrEqual(560);
  }
  expect(fit(30, 358, 300)).toEqual({ columns: 2, width: 173 });
});

test("a box without a size yet gives tiles of width zero", () => {
  expect(fit(2, 0, 0)).toEqual({ columns: 1, width: 0 });
});

const one = (name: string, source: string, at: number, isLocal = false) => ({ name, source, participant: { isLocal, joinedAt: new Date(at) } });

test("the latest screen is large; the user comes first, the others in joining order", () => {
  const tracks = [one("bo", "camera", 20), one("al", "camera", 10), one("al", "screen_share", 10), one("me", "camera", 30, true), one("bo", "screen_share", 20)];
  const { screen, beside } = arrange(tracks);
  expect(screen?.name).toBe("bo");
  expect(beside.map((it) => `${it.name} ${it.source}`)).toEqual(["me camera", "al camera", "al screen_share", "bo camera"]);
  expect(arrange([]).screen).toBeNull();
});
