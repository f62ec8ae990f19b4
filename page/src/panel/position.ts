/** The step that all charts mark. */

import { signal } from "@preact/signals";
import type { Chart } from "./curves";

interface Position {
  unit: Chart["unit"];
  /** from 0 */
  at: number;
}

export const position = signal<Position | null>(null);

/** The step that a chart marks; null where it has none of that number. */
export function markedStep(chart: Chart, length: number): number | null {
  const now = position.value;
  return now && now.unit === chart.unit && now.at < length ? now.at : null;
}

export function mark(unit: Chart["unit"], at: number): void {
  if (position.value?.unit !== unit || position.value.at !== at) position.value = { unit, at };
}
