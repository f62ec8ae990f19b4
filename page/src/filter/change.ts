/** Changes of the filter. */

import { batch } from "@preact/signals";
import type { Run } from "../data/run";
import { slidersOf } from "../state/sliders";
import { change, view, type View } from "../state/view";
import { visible } from "./visible";

/** Filters; sliders go to the first cell that is left where they would show none. */
export function changeFilter(run: Run, filter: string): void {
  batch(() => {
    change({ filter });
    change({ fixed: fixedFor(run, visible.value, view.value) });
  });
}

/** The values of sliders at which there is one of the cells: as they are where that is so, otherwise the first cell's. */
export function fixedFor(
  run: Run,
  cells: readonly number[],
  shown: Pick<View, "rows" | "columns" | "inside" | "fixed">,
): View["fixed"] {
  const { fixed } = shown;
  const sliders = slidersOf(run.head.axes, shown).map(({ name }) => name);
  const [first] = cells;
  if (first === undefined) return fixed;
  if (cells.some((cell) => sliders.every((name) => run.value(cell, name) === (fixed[name] ?? 0)))) return fixed;
  return { ...fixed, ...Object.fromEntries(sliders.map((name) => [name, run.value(first, name)])) };
}
