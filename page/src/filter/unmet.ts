/** Values in conditions that no cell has: mistakes in all probability, although the filter is one. */

import type { Run } from "../data/run";
import type { Json } from "../data/types";
import { quoted, type Condition } from "./conditions";
import { valueOf } from "./fields";
import { isEqual, namesOf } from "./match";
import { nearest } from "./nearest";

/** `no cell has guider CFG; did you mean cfg?`; null where every value is one of a cell. */
export function unmet(run: Run, conditions: readonly Condition[]): string | null {
  for (const condition of conditions) {
    if ("flag" in condition || condition.sign !== "=") continue;
    const { field, wanted } = condition;
    const values = valuesOf(run, field);
    const isThere = (text: string) => values.some((value) => isEqual(value, text));
    // The whole text comes first; it may be one value that has a comma.
    const [whole = "", ...parts] = wanted;
    const missing = isThere(whole) ? undefined : (parts.length ? parts : [whole]).find((part) => !isThere(part));
    if (missing !== undefined) return told(field, missing, values);
  }
  return null;
}

/** All that a value of the field can be called in a condition. */
function valuesOf(run: Run, field: string): Json[] {
  const axis = run.axis(field);
  if (axis) return [...new Set(axis.values.flatMap((value) => namesOf(field, value)))];
  const value = valueOf(run, field);
  return [...new Set(Array.from({ length: run.size }, (_, cell) => value(cell)))];
}

function told(field: string, missing: string, values: readonly Json[]): string {
  const texts = values.filter((value) => value !== null).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  const begun = missing.toLowerCase();
  const meant = nearest(missing, texts) ?? texts.find((text) => text.toLowerCase().includes(begun));
  return `no cell has ${field} ${missing}${meant === undefined ? "" : `; did you mean ${quoted(meant)}?`}`;
}
