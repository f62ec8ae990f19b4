/** Which values of axes are shown. Where all of an axis are hidden, all are shown. */

import type { Axis, Plan } from "../data/types";
import type { View } from "./view";

/** The numbers of the values of an axis that are not hidden. */
export function shownValues(axis: Axis, hidden: View["hidden"]): number[] {
  const not = new Set(hidden[axis.name]);
  const all = [...axis.values.keys()];
  const left = all.filter((value) => !not.has(value));
  return left.length ? left : all;
}

/** Those of the cells that have no hidden value of any of the axes. */
export function withoutHidden(
  cells: readonly number[],
  plan: Plan,
  axes: readonly Axis[],
  hidden: View["hidden"],
): readonly number[] {
  const tests = axes
    .map((axis) => ({ axis, codes: plan.axes[axis.name] ?? [], shown: new Set(shownValues(axis, hidden)) }))
    .filter(({ axis, shown }) => shown.size < axis.values.length);
  return tests.length ? cells.filter((cell) => tests.every(({ codes, shown }) => shown.has(codes[cell] ?? 0))) : cells;
}
