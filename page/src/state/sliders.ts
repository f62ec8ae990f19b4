import type { Axis } from "../data/types";
import type { View } from "./view";

/** Axes of which one value is shown: those that are neither rows, columns nor inside cells, and follow no other axis. */
export function slidersOf(axes: readonly Axis[], view: Pick<View, "rows" | "columns" | "inside">): Axis[] {
  const placed = new Set([...view.rows, ...view.columns, ...view.inside]);
  return axes.filter((axis) => !placed.has(axis.name) && axis.follows === undefined);
}
