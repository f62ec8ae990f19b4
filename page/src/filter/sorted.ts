/** The visible cells in an order of the user's, in place of the grid. */

import { computed } from "@preact/signals";
import type { Run } from "../data/run";
import type { Json } from "../data/types";
import { withoutHidden } from "../state/hidden";
import { run, view } from "../state/view";
import { fieldNames, valueOf } from "./fields";
import { visible } from "./visible";

export interface Order {
  field: string;
  descending: boolean;
}

/** `contrast` or, descending, `-contrast`; null where the run has no such field. */
export function orderOf(sort: string, fields: readonly string[]): Order | null {
  const found = fields.find((field) => sort === field || sort === `-${field}`);
  return found === undefined ? null : { field: found, descending: sort !== found };
}

export function sortOf({ field, descending }: Order): string {
  return descending ? `-${field}` : field;
}

/** By the field, the best of a metric first. */
export function firstOrder(found: Run, field: string): Order {
  const metric = found.head.metrics.find((one) => one.name === field);
  return { field, descending: metric?.higherIsBetter === true };
}

/** Numbers before texts, and cells without a value at the end in either direction; equal ones in the order of the run. */
export function sortedCells(found: Run, cells: readonly number[], { field, descending }: Order): number[] {
  const value = valueOf(found, field);
  const values = new Map(cells.map((cell) => [cell, value(cell)]));
  const sign = descending ? -1 : 1;
  return [...cells].sort((a, b) => {
    const [one, other] = [values.get(a) ?? null, values.get(b) ?? null];
    if (one === null || other === null) return Number(one === null) - Number(other === null) || a - b;
    return sign * compared(one, other) || a - b;
  });
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

function compared(one: Json, other: Json): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one === "number" || typeof other === "number") return typeof one === "number" ? -1 : 1;
  return COLLATOR.compare(textOf(one), textOf(other));
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const sort = computed(() => view.value.sort);
const hidden = computed(() => view.value.hidden);

export const order = computed(() => (run.value && sort.value ? orderOf(sort.value, fieldNames(run.value)) : null));

/** The visible cells without those of hidden values of axes; sliders leave nothing out here. */
export const shownCells = computed<readonly number[]>(() => {
  const found = run.value;
  return found ? withoutHidden(visible.value, found.plan, found.head.axes, hidden.value) : [];
});

export const sorted = computed<readonly number[]>(() =>
  run.value && order.value ? sortedCells(run.value, shownCells.value, order.value) : [],
);
