/** What the field of the filter offers to complete. */

import type { Run } from "../data/run";
import { FLAGS, partsOf, quoted } from "./conditions";
import { filterNames } from "./fields";

const MOST = 60;

/** The filter with its last condition begun in every way that there is: by a field, or by a value of the axis it names. */
export function suggestions(run: Run, text: string): string[] {
  const [, before = "", last = ""] = /^((?:"[^"]*"|[^;"])*;)?\s*(?:not\s+)?(.*)$/s.exec(text) ?? [];
  const names = filterNames(run);
  const parts = partsOf(last, names);
  const start = text.slice(0, text.length - last.length);
  const axis = parts?.sign === "=" ? run.axis(parts.field) : undefined;
  if (parts && axis) {
    const begun = parts.given.slice(0, parts.given.lastIndexOf(",") + 1);
    return axis.values.slice(0, MOST).map((value) => `${start}${quoted(axis.name)}=${begun}${quoted(value.text)}`);
  }
  if (parts) return [];
  const joined = before && !start.endsWith(" ") ? `${start} ` : start;
  return [...names.map(quoted), ...FLAGS].map((name) => `${joined}${name}`).slice(0, MOST);
}
