/** The metric that is drawn over the cells. */

import { computed } from "@preact/signals";
import type { Metric } from "../data/types";
import { numberOf } from "../filter/fields";
import { digits } from "../shared/digits";
import { run, view, type View } from "../state/view";
import { rangeOf, shareOf, type Range } from "./scale";

export interface Drawn {
  metric: Metric;
  as: NonNullable<View["overlay"]>["as"];
  /** of all cells of the run, so that a filter changes no colour; null where no cell has a number */
  range: Range | null;
  number: (cell: number) => number | null;
}

const name = computed(() => view.value.overlay?.metric ?? null);
const kind = computed(() => view.value.overlay?.as ?? "outline");

const measured = computed(() => {
  const found = run.value;
  const metric = found?.head.metrics.find((one) => one.name === name.value);
  if (!found || !metric) return null;
  const number = numberOf(found, metric.name);
  return { metric, number, range: rangeOf(Array.from({ length: found.size }, (_, cell) => number(cell))) };
});

export const drawn = computed<Drawn | null>(() => measured.value && { ...measured.value, as: kind.value });

/** A cell's number as text, and its share of the range; null where it has none. */
export function numberShown({ metric, range, number }: Drawn, cell: number): { text: string; share: number } | null {
  const value = number(cell);
  if (value === null || !range) return null;
  return { text: digits(value), share: shareOf(value, range, metric.higherIsBetter) };
}
