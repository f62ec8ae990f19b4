/** Tiles of equal size that wrap. */

import { GAP, type Size } from "../grid/geometry";

export interface Tiles {
  picture: Size;
  /** with its text and the space around it */
  tile: Size;
  across: number;
  down: number;
  /** rows that are in the window whole */
  page: number;
}

const TEXT = 56;
const NARROWEST = 96;

export function tilesOf(count: number, picture: Size, room: Size): Tiles {
  const tile = { width: Math.max(NARROWEST, picture.width) + 2 * GAP, height: picture.height + TEXT + 2 * GAP };
  const across = Math.max(1, Math.floor(room.width / tile.width));
  const page = Math.max(1, Math.floor(room.height / tile.height));
  return { picture, tile, across, down: Math.ceil(count / across), page };
}

/** The place that a key leads to; null where it is no key of the list. */
export function movedBy(key: string, place: number, { across, page }: Tiles, count: number): number | null {
  const steps: Partial<Record<string, number>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: across,
    ArrowUp: -across,
    PageDown: across * page,
    PageUp: -across * page,
    Home: -count,
    End: count,
  };
  const step = steps[key];
  if (step === undefined) return null;
  const to = place + step;
  const stays = (to < 0 || to >= count) && (key === "ArrowUp" || (key === "ArrowDown" && sameRow(place, count - 1, across)));
  return stays ? place : Math.max(0, Math.min(count - 1, to));
}

function sameRow(one: number, other: number, across: number): boolean {
  return Math.floor(one / across) === Math.floor(other / across);
}
