/** Steps of the large view from the open cell to others of the grid. */

import { computed } from "@preact/signals";
import { order, shownCells, sorted } from "../filter/sorted";
import { sliders, change, run, view, type View } from "../state/view";
import type { Run } from "../data/run";
import { leaderOf, nextCell } from "./steps";

export type Direction = "columns" | "rows" | "third";

/** The axes that a direction goes along. The third is the first axis with a slider, or else the one inside of cells. */
export function axesAlong(direction: Direction): readonly string[] {
  const shown = view.value;
  if (direction === "columns") return shown.columns;
  if (direction === "rows") return shown.rows;
  const slider = sliders.value.find((axis) => axis.values.length > 1);
  return slider ? [slider.name] : shown.inside.slice(0, 1);
}

/** The axis that is played: the chosen one, or the innermost of the columns, or any. */
export function playedAxis(found: Run, shown: View): string | null {
  const several = found.head.axes.filter((axis) => axis.values.length > 1).map((axis) => axis.name);
  const wanted = [shown.large.axis, shown.columns.at(-1), shown.rows.at(-1), several[0]];
  const axis = wanted.find((name): name is string => typeof name === "string" && several.includes(name));
  return axis === undefined ? null : leaderOf(found, axis);
}

/** Cells that no filter leaves out, and none of whose values is hidden. */
const reachable = computed(() => new Set(shownCells.value));

/** The cell to which a step along axes leads; null where there is none. */
export function reached(cell: number, axes: readonly string[], by: 1 | -1, around = false): number | null {
  const found = run.value;
  return found && axes.length ? nextCell(found, cell, axes, by, (one) => reachable.value.has(one), around) : null;
}

/** Opens a cell, and slides the grid behind to where it is. */
export function show(cell: number): void {
  const found = run.value;
  if (!found) return;
  const fixed = { ...view.value.fixed };
  for (const axis of sliders.value) fixed[axis.name] = found.value(cell, axis.name);
  change({ open: found.id(cell), fixed });
}

export function step(cell: number, axes: readonly string[], by: 1 | -1): void {
  const next = reached(cell, axes, by);
  if (next !== null) show(next);
}

/** The cell before or after one in the sorted list or, where nothing is sorted, in the run. */
export function inList(cell: number, by: 1 | -1): number | null {
  const list = order.value ? sorted.value : shownCells.value;
  const at = list.indexOf(cell);
  return at < 0 ? null : (list[at + by] ?? null);
}

export function stepInList(cell: number, by: 1 | -1): void {
  const next = inList(cell, by);
  if (next !== null) show(next);
}
