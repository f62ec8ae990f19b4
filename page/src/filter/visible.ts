/** The cells that the filter leaves. */

import { computed } from "@preact/signals";
import type { Run } from "../data/run";
import { marked, NO_MARKS, type Marked } from "../marks/store";
import { run, view } from "../state/view";
import { parseFilter, type Condition } from "./conditions";
import { filterNames } from "./fields";
import { matcher } from "./match";

/** The numbers of the cells that meet all conditions, ascending. */
export function visibleCells(found: Run, conditions: readonly Condition[], marks: Marked): number[] {
  const tests = conditions.map((condition) => matcher(found, condition, marks));
  const cells: number[] = [];
  for (let cell = 0; cell < found.size; cell++) if (tests.every((test) => test(cell))) cells.push(cell);
  return cells;
}

const text = computed(() => view.value.filter);

const parsed = computed(() => (run.value ? parseFilter(text.value, filterNames(run.value)) : { conditions: [] }));

let last: readonly number[] = [];

/** The numbers of the cells that are shown, ascending; all where the filter is wrong. The same array while they stay. */
export const visible = computed<readonly number[]>(() => {
  const found = run.value;
  if (!found) return [];
  const conditions = "error" in parsed.value ? [] : parsed.value.conditions;
  const needsMarks = conditions.some((one) => "flag" in one && (one.flag === "starred" || one.flag === "rejected"));
  const cells = visibleCells(found, conditions, needsMarks ? marked.value : NO_MARKS);
  const stays = cells.length === last.length && cells.every((cell, k) => cell === last[k]);
  return stays ? last : (last = cells);
});
