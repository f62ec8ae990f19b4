/** Steps of the large view from the open cell to others of the grid. */

import { computed } from "@preact/signals";
import { visible } from "../filter/visible";
import { shownValues } from "../grid/pivot";
import { sliders, change, run, view, type View } from "../state/view";
import type { Run } from "../data/run";
import { nextCell } from "./steps";

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
  return wanted.find((name): name is string => typeof name === "string" && several.includes(name)) ?? null;
}

const visibleSet = computed(() => new Set(visible.value));

/** Whether one can step to a cell: none of its values is hidden, and no filter leaves it out. */
function isReachable(found: Run, shown: View): (cell: number) => boolean {
  const hidden = found.head.axes.filter((axis) => shown.hidden[axis.name]?.length);
  const left = hidden.map((axis) => ({ name: axis.name, values: shownValues(axis, shown.hidden) }));
  return (cell) =>
    visibleSet.value.has(cell) && left.every(({ name, values }) => values.includes(found.value(cell, name)));
}

/** The cell to which a step along axes leads; null where there is none. */
export function reached(cell: number, axes: readonly string[], by: 1 | -1, around = false): number | null {
  const found = run.value;
  return found && axes.length ? nextCell(found, cell, axes, by, isReachable(found, view.value), around) : null;
}

/** Opens a cell, and slides the grid behind to where it is. */
export function show(cell: number): void {
  const found = run.value;
  if (!found) return;
  const fixed = { ...view.value.fixed };
  for (const axis of sliders.value) fixed[axis.name] = found.value(cell, axis.name);
  change({ open: found.id(cell), fixed });
}

export function step(cell: number, axes: readonly string[], by: 1 | -1, around = false): boolean {
  const next = reached(cell, axes, by, around);
  if (next !== null) show(next);
  return next !== null;
}
