/** Which cell is the next one along axes of the run. */

import type { Run } from "../data/run";

/** Cells that differ along some axes alone, by what they have in common; in the order of the headings of these axes. */
type Lines = ReadonlyMap<string, readonly number[]>;

/** By the axes; built once for a plan, since every step and every stepper asks for some. */
const known = new WeakMap<Run["plan"], Map<string, Lines>>();

/** The axis that decides the value of an axis; the axis itself where none does. */
export function leaderOf(run: Run, name: string): string {
  const leader = run.axis(name)?.follows;
  return leader === undefined ? name : leaderOf(run, leader);
}

/**
 * The cells that differ from one along these axes alone, and this one: in the order of headings, where the last axis
 * changes fastest. An axis that follows another one changes with it, and all that follow one axis change together.
 */
export function lineOf(run: Run, cell: number, axes: readonly string[]): readonly number[] {
  const along = axes.filter((name) => run.axis(name));
  const kept = keptAxes(run, along);
  const lines = known.get(run.plan) ?? new Map<string, Lines>();
  known.set(run.plan, lines);
  const key = along.join();
  const found = lines.get(key) ?? linesAlong(run, along, kept);
  lines.set(key, found);
  return found.get(placeOn(run, cell, kept)) ?? [];
}

/** The axes whose values stay: those that do not move with one of `along`, by their leaders. */
function keptAxes(run: Run, along: readonly string[]): string[] {
  const moved = new Set(along.map((name) => leaderOf(run, name)));
  return run.head.axes.filter(({ name, follows }) => follows === undefined && !moved.has(name)).map(({ name }) => name);
}

function placeOn(run: Run, cell: number, axes: readonly string[]): string {
  return axes.map((name) => run.value(cell, name)).join();
}

function linesAlong(run: Run, along: readonly string[], kept: readonly string[]): Lines {
  const lines = new Map<string, number[]>();
  run.plan.ids.forEach((_, cell) => {
    const place = placeOn(run, cell, kept);
    const line = lines.get(place);
    if (line) line.push(cell);
    else lines.set(place, [cell]);
  });
  for (const line of lines.values()) line.sort((one, other) => byHeadings(run, one, other, along));
  return lines;
}

function byHeadings(run: Run, one: number, other: number, along: readonly string[]): number {
  for (const name of along) {
    const difference = run.value(one, name) - run.value(other, name);
    if (difference) return difference;
  }
  return one - other;
}

/**
 * The next cell of the line along axes. Cells that are not shown are passed over. null: there is no further one.
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
  const line = lineOf(run, cell, axes);
  const own = line.indexOf(cell);
  for (let count = 1; count < line.length; count++) {
    const at = around ? (own + by * count + line.length) % line.length : own + by * count;
    const found = line[at];
    if (found === undefined) return null;
    if (isShown(found)) return found;
  }
  return null;
}

/** The cells along an axis by the numbers of its values; of several with the same value the first. */
export function cellsAlong(run: Run, cell: number, axis: string): ReadonlyMap<number, number> {
  const line = lineOf(run, cell, [axis]);
  return new Map([...line].reverse().map((one) => [run.value(one, axis), one]));
}
