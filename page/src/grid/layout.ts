/** Where everything in the grid is, in CSS pixels. */

import { cellSize, FIRST, fittingZoom, scaled, type Size } from "./geometry";
import { headingSizes, type HeadingSizes } from "./measure";
import type { Pivot } from "./pivot";

export interface Layout {
  /** the longest side of a picture */
  zoom: number;
  picture: Size;
  /** of a line of cells */
  cell: Size;
  headings: HeadingSizes;
  /** of all headings together */
  left: number;
  top: number;
}

/** zoom: 0 for the largest that fits into the window. */
export function layOut(pivot: Pivot, largest: Size, zoom: number, window: Size): Layout {
  const first = laid(pivot, largest, zoom || FIRST, window);
  if (zoom) return first;
  const second = laid(pivot, largest, fitting(pivot, largest, first, window), window);
  // Headings of narrower columns are higher.
  return laid(pivot, largest, fitting(pivot, largest, second, window), window);
}

function fitting(pivot: Pivot, largest: Size, laidOut: Layout, window: Size): number {
  const room = { width: window.width - laidOut.left, height: window.height - laidOut.top };
  const { rows, columns, inside } = pivot;
  return fittingZoom(largest, room, rows.lines.length, columns.lines.length, inside.lines.length);
}

function laid(pivot: Pivot, largest: Size, zoom: number, window: Size): Layout {
  const box = cellSize(largest, zoom, pivot.inside.lines.length);
  const headings = headingSizes(pivot, box, window);
  return {
    zoom,
    picture: scaled(largest, zoom),
    cell: { width: box.width, height: Math.max(box.height, headings.row) },
    headings,
    left: sum(headings.widths),
    top: sum(headings.heights),
  };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
