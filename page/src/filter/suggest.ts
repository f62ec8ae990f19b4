/** What the field of the filter offers to complete. */

import type { Run } from "../data/run";
import { FLAGS } from "./conditions";
import { filterNames } from "./fields";

const MOST = 60;

/** The filter with its last condition begun in every way that there is: by a field, or by a value of the axis it names. */
export function suggestions(run: Run, text: string): string[] {
  const [, before = "", last = ""] = /^(.*;)?\s*(?:not\s+)?(.*)$/s.exec(text) ?? [];
  const [, field, sign, begun] = /^([^\s<>=]+)\s*([<>=]+)(.*,)?/.exec(last) ?? [];
  const start = text.slice(0, text.length - last.length);
  const axis = field !== undefined && sign === "=" ? run.axis(field) : undefined;
  if (axis) return axis.values.slice(0, MOST).map((value) => `${start}${axis.name}=${begun ?? ""}${quoted(value.text)}`);
  if (field !== undefined) return [];
  const joined = before && !start.endsWith(" ") ? `${start} ` : start;
  return [...filterNames(run).map((name) => `${joined}${name}`), ...FLAGS.map((flag) => `${joined}${flag}`)].slice(0, MOST);
}

function quoted(text: string): string {
  return /[,;]/.test(text) ? `"${text}"` : text;
}
