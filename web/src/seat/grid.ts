//! Where a seat's pictures stand: as the broadcast's composer places them (`ingest/src/layout.rs`), so that nothing
//! jumps in a move. Pure.

/** A tile's place, in percent of the screen's width and height. */
export interface Place {
  left: number;
  top: number;
  /** Of the width and of the height alike: tiles have the screen's shape. */
  side: number;
}

/** The places of `count` tiles, row by row; a last row that is not full is centred. */
export function grid(count: number): Place[] {
  if (count < 1) return [];
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const side = 100 / columns;
  return Array.from({ length: count }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const inRow = row + 1 === rows ? count - row * columns : columns;
    return { left: (100 - side * inRow) / 2 + column * side, top: (100 - side * rows) / 2 + row * side, side };
  });
}
