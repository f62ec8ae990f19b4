/** Which cell stands where: rows and columns of nested axes, and places inside a cell. */

import type { Axis, Plan } from "../data/types";
import { shownValues, withoutHidden } from "../state/hidden";
import { slidersOf } from "../state/sliders";
import type { View } from "../state/view";
import { groupsOf, type Group } from "./groups";

/** The lines along one direction: every combination of values that a cell has, in the order of the axes. */
export interface Side {
  axes: readonly Axis[];
  /** of every line, the numbers of its values, the outermost first */
  lines: readonly (readonly number[])[];
  /** of every axis, the headings: lines next to each other that share its value and those outside it */
  groups: readonly (readonly Group[])[];
}

export interface Pivot {
  rows: Side;
  columns: Side;
  inside: Side;
  /** cells by their slots, see `slot` */
  cells: ReadonlyMap<number, number>;
  /** of every cell of the run its slot; -1 where it is not shown */
  slots: Float64Array;
}

export interface Place {
  row: number;
  column: number;
  inside: number;
}

type Chosen = Pick<View, "rows" | "columns" | "inside" | "fixed" | "hidden">;

/** Arranges cells. Lines stay when a slider moves: they are those of all its values. */
export function arrange(axes: readonly Axis[], plan: Plan, visible: readonly number[], view: Chosen): Pivot {
  const named = new Map(axes.map((axis) => [axis.name, axis]));
  const of = (names: readonly string[]) => names.flatMap((name) => named.get(name) ?? []);
  const sliders = slidersOf(axes, view);
  const lasting = axes.filter((axis) => !sliders.includes(axis));
  const cells = withoutHidden(visible, plan, lasting, view.hidden);
  const [rows, row] = side(plan, of(view.rows), cells);
  const [columns, column] = side(plan, of(view.columns), cells);
  const [inside, within] = side(plan, of(view.inside), cells);
  const selected = sliders.map((axis) => ({ codes: plan.axes[axis.name] ?? [], value: fixedValue(axis, view) }));
  const found = new Map<number, number>();
  const slots = new Float64Array(plan.ids.length).fill(-1);
  cells.forEach((cell, k) => {
    if (!selected.every(({ codes, value }) => codes[cell] === value)) return;
    const place = ((row[k] ?? 0) * columns.lines.length + (column[k] ?? 0)) * inside.lines.length + (within[k] ?? 0);
    found.set(place, cell);
    slots[cell] = place;
  });
  return { rows, columns, inside, cells: found, slots };
}

/** The number of the value that a slider is at. */
export function fixedValue(axis: Axis, view: Pick<View, "fixed" | "hidden">): number {
  const left = shownValues(axis, view.hidden);
  const value = view.fixed[axis.name] ?? 0;
  return left.includes(value) ? value : (left[0] ?? 0);
}

export function cellAt(pivot: Pivot, place: Place): number | undefined {
  const { row, column, inside } = place;
  return pivot.cells.get((row * pivot.columns.lines.length + column) * pivot.inside.lines.length + inside);
}

/** Where a cell is shown; null where it is not. */
export function placeOf(pivot: Pivot, cell: number): Place | null {
  const slot = pivot.slots[cell] ?? -1;
  if (slot < 0) return null;
  const count = pivot.inside.lines.length;
  const line = Math.floor(slot / count);
  const across = pivot.columns.lines.length;
  return { row: Math.floor(line / across), column: line % across, inside: slot % count };
}

/** The lines of some axes, and of each cell the number of its line. */
function side(plan: Plan, axes: readonly Axis[], cells: readonly number[]): [Side, Int32Array] {
  const keys = new Float64Array(cells.length);
  for (const axis of axes) {
    const codes = plan.axes[axis.name] ?? [];
    for (let k = 0; k < cells.length; k++) keys[k] = (keys[k] ?? 0) * axis.values.length + (codes[cells[k] ?? 0] ?? 0);
  }
  const size = axes.reduce((product, axis) => product * axis.values.length, 1);
  const [distinct, numbers] = numbered(keys, size);
  const lines = Array.from(distinct, (key) => digits(key, axes));
  const groups = axes.map((_, level) => groupsOf(lines, level));
  return [{ axes, lines, groups }, numbers];
}

/** The distinct keys, ascending, and of each key its number among them. size: keys are less. */
function numbered(keys: Float64Array, size: number): [ArrayLike<number>, Int32Array] {
  const numbers = new Int32Array(keys.length);
  // A table is ten times as fast as a map, if it does not get too large.
  if (size > 8 * keys.length + 1024) {
    const distinct = Float64Array.from(new Set(keys)).sort();
    const known = new Map(Array.from(distinct, (key, number) => [key, number]));
    for (let k = 0; k < keys.length; k++) numbers[k] = known.get(keys[k] ?? 0) ?? 0;
    return [distinct, numbers];
  }
  const table = new Int32Array(size);
  for (const key of keys) table[key] = 1;
  const distinct: number[] = [];
  for (let key = 0; key < size; key++) if (table[key]) table[key] = distinct.push(key) - 1;
  for (let k = 0; k < keys.length; k++) numbers[k] = table[keys[k] ?? 0] ?? 0;
  return [distinct, numbers];
}

function digits(key: number, axes: readonly Axis[]): number[] {
  const line = new Array<number>(axes.length);
  for (let level = axes.length - 1; level >= 0; level--) {
    const base = axes[level]?.values.length ?? 1;
    line[level] = key % base;
    key = Math.floor(key / base);
  }
  return line;
}
