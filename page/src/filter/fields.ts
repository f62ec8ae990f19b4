/** What cells can be filtered, sorted and drawn by: axes, metrics, and the other fields of records. */

import type { Run } from "../data/run";
import type { Json } from "../data/types";

const ID = "id";

/** The names of all fields: axes in their order, then metrics, then other fields of records. */
export function fieldNames(run: Run): string[] {
  const axes = run.head.axes.map((axis) => axis.name);
  return [...new Set([...axes, ...metricNames(run), ...run.fields])];
}

/** The names that conditions may have: the fields, and the experiment's id. */
export function filterNames(run: Run): string[] {
  return [...new Set([...fieldNames(run), ID])];
}

export function metricNames(run: Run): string[] {
  return run.head.metrics.map((metric) => metric.name);
}

/** A cell's value of a field: of an axis its number, or its text where that is none. */
export function valueOf(run: Run, name: string): (cell: number) => Json {
  if (name === ID) return (cell) => run.id(cell);
  const axis = run.axis(name);
  if (!axis) return (cell) => run.field(cell, name);
  const values = axis.values.map((value) => value.number ?? value.text);
  return (cell) => values[run.value(cell, name)] ?? null;
}

/** The same where it is a finite number, otherwise null. */
export function numberOf(run: Run, name: string): (cell: number) => number | null {
  const value = valueOf(run, name);
  return (cell) => {
    const found = value(cell);
    return typeof found === "number" && Number.isFinite(found) ? found : null;
  };
}
