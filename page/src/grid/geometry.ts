/** Sizes in the grid, in CSS pixels. */

import type { Run } from "../data/run";

export interface Size {
  width: number;
  height: number;
}

export const SMALLEST = 32;
export const LARGEST = 4096;
/** where nothing is chosen */
export const FIRST = 128;
/** the longest side of thumbnails */
const THUMBNAIL = 128;
/** around a cell, and between the pictures inside it */
export const GAP = 4;

/** The width and height of the largest pictures of a run; a square of 512 where no size is known. */
export function pictureSize(run: Run): Size {
  const size = { width: 0, height: 0 };
  for (let cell = 0; cell < run.size; cell++) {
    const width = run.field(cell, "width");
    const height = run.field(cell, "height");
    if (typeof width === "number") size.width = Math.max(size.width, width);
    if (typeof height === "number") size.height = Math.max(size.height, height);
  }
  return size.width && size.height ? size : { width: 512, height: 512 };
}

/** The size of a picture whose longest side is `zoom`. */
export function scaled(picture: Size, zoom: number): Size {
  const scale = zoom / Math.max(picture.width, picture.height);
  return { width: Math.max(1, Math.round(picture.width * scale)), height: Math.max(1, Math.round(picture.height * scale)) };
}

/** How many pictures stand beside each other in a cell of `count`. */
export function mosaicColumns(count: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(count)));
}

/** The size of a cell of `count` pictures, with the space around it. */
export function cellSize(picture: Size, zoom: number, count: number): Size {
  const { width, height } = scaled(picture, zoom);
  const across = mosaicColumns(count);
  const down = Math.max(1, Math.ceil(count / across));
  return { width: across * (width + GAP), height: down * (height + GAP) };
}

/** The largest zoom at which rows and columns fit into a window; the smallest where none does. */
export function fittingZoom(picture: Size, room: Size, rows: number, columns: number, count: number): number {
  const fits = (zoom: number) => {
    const cell = cellSize(picture, zoom, count);
    return cell.width * columns <= room.width && cell.height * rows <= room.height;
  };
  let low = SMALLEST;
  let high = LARGEST;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Whether the picture itself is shown: the thumbnail has too few pixels, or the picture has no more than are shown. */
export function needsPicture(picture: Size, zoom: number): boolean {
  return zoom > THUMBNAIL || zoom >= Math.max(picture.width, picture.height);
}

/** The next zoom in steps of a quarter octave. */
export function zoomed(zoom: number, steps: number): number {
  const level = Math.round(4 * Math.log2(zoom)) + steps;
  return Math.min(LARGEST, Math.max(SMALLEST, Math.round(2 ** (level / 4))));
}

/** The numbers of the lines of which a part is in the window. offset: how far it is scrolled; room: without headings. */
export function linesInWindow(offset: number, room: number, size: number, count: number): number[] {
  const first = Math.floor(offset / size);
  const end = Math.min(count, Math.ceil((offset + room) / size));
  return Array.from({ length: Math.max(0, end - first) }, (_, k) => first + k);
}
