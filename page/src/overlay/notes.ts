/** What is drawn over a cell, in words. */

import { computed } from "@preact/signals";
import type { Run } from "../data/run";
import { order } from "../filter/sorted";
import { marked } from "../marks/store";
import { run, view } from "../state/view";
import { drawn, numberShown } from "./metric";
import { changesOf, type Change } from "./transitions";

const rows = computed(() => view.value.rows);
const columns = computed(() => view.value.columns);
const inside = computed(() => view.value.inside);
const hidden = computed(() => view.value.hidden);

const finder = computed(() => {
  const shown = { rows: rows.value, columns: columns.value, hidden: hidden.value, hasNeighbours: !order.value && !inside.value.length };
  return run.value?.head.transitions.length ? changesOf(run.value, shown) : null;
});

/** The abrupt changes after a cell, in the view as it is. */
export function changesAt(cell: number): Change[] {
  return finder.value?.(cell) ?? [];
}

/** For the name of a cell: its number of the metric that is drawn, its marks, and the abrupt changes after it. */
export function notesOf(found: Run, cell: number): string[] {
  const id = found.id(cell);
  const shown = drawn.value;
  const number = shown && numberShown(shown, cell);
  return [
    ...(number ? [`${shown.metric.name} ${number.text}`] : []),
    ...(["starred", "rejected"] as const).filter((mark) => marked.value[mark].has(id)),
    ...changesAt(cell).map((change) => change.text),
  ];
}
