/** A phase map in pixels: where its points and areas are, and which point is beside another one. */

import type { MapArea, MapPoint, MapSide, PhaseMap } from "../data/types";
import { digits } from "../shared/digits";

export interface Pixels {
  left: number;
  top: number;
}

/** Of the whole drawing, and of the plane in it, in pixels of its own. */
export const SIZE = { width: 520, height: 360 };
export const PLANE = { left: 60, top: 8, width: 444, height: 308 };

export function placeOf({ across, up }: PhaseMap, x: number, y: number): Pixels {
  return {
    left: PLANE.left + PLANE.width * shareOf(across, x),
    top: PLANE.top + PLANE.height * (1 - shareOf(up, y)),
  };
}

function shareOf({ low, high }: MapSide, value: number): number {
  return high > low ? (value - low) / (high - low) : 0.5;
}

/** The rectangles of one kind as one path of an SVG; null: those through which a boundary goes. */
export function pathOf(map: PhaseMap, kind: number | null): string {
  return map.areas.filter((area) => area.kind === kind).map((area) => rectangle(map, area)).join("");
}

function rectangle(map: PhaseMap, { left, right, bottom, top }: MapArea): string {
  const [from, to] = [placeOf(map, left, top), placeOf(map, right, bottom)];
  const [x, y, width, height] = [from.left, from.top, to.left - from.left, to.top - from.top].map((one) => Number(one.toFixed(2)));
  return `M${x} ${y}h${width}v${height}h-${width}z`;
}

/** The kinds that the map has, by their numbers. */
export function kindsOf({ points }: Pick<PhaseMap, "points">): number[] {
  return [...new Set(points.map(({ kind }) => kind))].sort((a, b) => a - b);
}

/** So many numbers of a side, from its low end to its high one. */
export function ticksOf({ low, high }: MapSide, count = 5): number[] {
  return Array.from({ length: count }, (_, at) => low + ((high - low) * at) / (count - 1));
}

const DIRECTIONS: Partial<Record<string, [x: number, y: number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The number of the point to which an arrow key leads: the nearest one in its direction, this one where there is none. */
export function beside(places: readonly Pixels[], from: number, key: string): number | null {
  const direction = DIRECTIONS[key];
  if (!direction) return null;
  const start = places[from];
  if (!start) return places.length ? 0 : -1;
  let [best, least] = [from, Infinity];
  places.forEach(({ left, top }, number) => {
    const [x, y] = [left - start.left, top - start.top];
    const along = x * direction[0] + y * direction[1];
    const aside = Math.abs(x * direction[1]) + Math.abs(y * direction[0]);
    if (along > 0 && aside <= along && along + 2 * aside < least) [best, least] = [number, along + 2 * aside];
  });
  return best;
}

/** For people: `guidance scale 2.5, eta 0.1`. */
export function settingsAt({ across, up }: PhaseMap, { x, y }: MapPoint): string {
  return `${across.label} ${digits(x)}, ${up.label} ${digits(y)}`;
}
