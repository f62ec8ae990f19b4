/** Which cell is the next one along axes of the run. */

import type { Run } from "../data/run";

const places = new WeakMap<Run["plan"], ReadonlyMap<number, number>>();

/** What one value of each axis counts in the number of a place, the last axis fastest. */
function weights(run: Run): Map<string, number> {
  const all = new Map<string, number>();
  let weight = 1;
  for (const axis of [...run.head.axes].reverse()) {
    all.set(axis.name, weight);
    weight *= Math.max(axis.values.length, 1);
  }
  return all;
}

function placeOf(run: Run, cell: number, weight: ReadonlyMap<string, number>): number {
  let place = 0;
  for (const [axis, one] of weight) place += run.value(cell, axis) * one;
  return place;
}

/** The cells by the numbers of their places. */
function cellsByPlace(run: Run, weight: ReadonlyMap<string, number>): ReadonlyMap<number, number> {
  let known = places.get(run.plan);
  if (!known) {
    known = new Map(run.plan.ids.map((_, cell) => [placeOf(run, cell, weight), cell]));
    places.set(run.plan, known);
  }
  return known;
}

/**
 * The next cell along axes, of which the last one changes fastest, as in the headings of a grid; all other axes keep
 * their values. Cells that do not exist or are not shown are passed over. null: there is no further one.
 *
 * by: 1 forwards, -1 backwards. around: after the last one comes the first one.
 */
export function nextCell(
  run: Run,
  cell: number,
  axes: readonly string[],
  by: 1 | -1,
  isShown: (cell: number) => boolean,
  around = false,
): number | null {
  const along = axes.flatMap((name) => run.axis(name) ?? []);
  const length = along.reduce((product, axis) => product * axis.values.length, 1);
  const weight = weights(run);
  const cells = cellsByPlace(run, weight);
  let own = 0;
  let others = placeOf(run, cell, weight);
  for (const axis of along) {
    own = own * axis.values.length + run.value(cell, axis.name);
    others -= run.value(cell, axis.name) * (weight.get(axis.name) ?? 0);
  }
  for (let count = 1; count < length; count++) {
    const at = around ? (own + by * count + length) % length : own + by * count;
    if (at < 0 || at >= length) return null;
    let place = others;
    let rest = at;
    for (const axis of [...along].reverse()) {
      place += (rest % axis.values.length) * (weight.get(axis.name) ?? 0);
      rest = Math.floor(rest / axis.values.length);
    }
    const found = cells.get(place);
    if (found !== undefined && isShown(found)) return found;
  }
  return null;
}

/** The cell with another value of an axis, and the same of all others. */
export function cellWith(run: Run, cell: number, axis: string, value: number): number | undefined {
  const weight = weights(run);
  const place = placeOf(run, cell, weight) + (value - run.value(cell, axis)) * (weight.get(axis) ?? 0);
  return cellsByPlace(run, weight).get(place);
}
