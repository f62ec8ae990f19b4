/** The view when a run that goes on has other cells than before. */

import type { Run } from "../data/run";
import type { View } from "./view";

/** Values of axes stay the same ones, whatever their numbers are now; what is no more is left out. */
export function carried(shown: View, before: Run, after: Run): View {
  if (before.plan === after.plan) return shown;
  const isThere = (axis: string) => after.axis(axis) !== undefined;
  const isCell = (id: string | null) => id !== null && after.cell(id) !== undefined;
  const { plot } = shown;
  return {
    ...shown,
    rows: shown.rows.filter(isThere),
    columns: shown.columns.filter(isThere),
    inside: shown.inside.filter(isThere),
    fixed: fixedOf(shown, before, after),
    hidden: Object.fromEntries(
      Object.entries(shown.hidden).map(([axis, values]) => [
        axis,
        values.flatMap((value) => numberOf(axis, value, before, after) ?? []).sort((a, b) => a - b),
      ]),
    ),
    open: isCell(shown.open) ? shown.open : null,
    pinned: isCell(shown.pinned) ? shown.pinned : null,
    plot: plot?.by && !isThere(plot.by) ? { ...plot, by: "" } : plot,
  };
}

/** Of every axis: of one that was there its value, of a new one the value of the cells that were there. */
function fixedOf(shown: View, before: Run, after: Run): Record<string, number> {
  const fixed: Record<string, number> = {};
  const old = before.plan.ids.map((id) => after.cell(id)).find((cell) => cell !== undefined);
  for (const { name } of after.head.axes) {
    const number = before.axis(name) && numberOf(name, shown.fixed[name] ?? 0, before, after);
    fixed[name] = number ?? (old === undefined ? 0 : after.value(old, name));
  }
  return fixed;
}

/** The number that a value of an axis has now; undefined where it is no more. */
function numberOf(axis: string, value: number, before: Run, after: Run): number | undefined {
  const title = before.axis(axis)?.values[value]?.title;
  const number = after.axis(axis)?.values.findIndex((one) => one.title === title) ?? -1;
  return number < 0 ? undefined : number;
}
