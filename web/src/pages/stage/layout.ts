//! The layout of tiles. Pure.

export const GAP = 12;
const RATIO = 16 / 9;
/** Narrowest tile in which a face is recognised, CSS pixels: below it the tiles scroll. */
const MIN_WIDTH = 140;

/** The largest width at which `count` tiles of 16:9 fit a box (CSS pixels), and the number of columns. */
export function fit(count: number, width: number, height: number): { columns: number; width: number } {
  const inRow = (columns: number) => (width - GAP * (columns - 1)) / columns;
  let best = { columns: 1, width: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(inRow(columns), ((height - GAP * (rows - 1)) / rows) * RATIO);
    if (size > best.width) best = { columns, width: size };
  }
  if (best.width < Math.min(MIN_WIDTH, width)) {
    const columns = Math.max(1, Math.min(count, Math.floor((width + GAP) / (MIN_WIDTH + GAP))));
    best = { columns, width: Math.min(inRow(columns), 2 * MIN_WIDTH) };
  }
  return { columns: best.columns, width: Math.max(0, Math.floor(best.width)) };
}

interface Placed {
  source: string;
  participant: { isLocal: boolean; joinedAt?: Date | undefined };
}

/** The latest screen share is shown large. Beside it: the user, then the others in the order in which they joined. */
export function arrange<T extends Placed>(tracks: readonly T[]): { screen: T | null; beside: T[] } {
  const screen = tracks.findLast((one) => one.source === "screen_share") ?? null;
  const age = ({ participant }: T) => (participant.isLocal ? 0 : (participant.joinedAt?.getTime() ?? 0));
  const beside = tracks.filter((one) => one !== screen).sort((a, b) => age(a) - age(b));
  return { screen, beside };
}
