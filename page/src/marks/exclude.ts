/** Rejected cells as the `exclude:` block of a sweep file. */

import type { Run } from "../data/run";
import { isRounded } from "../data/rounded";
import type { Axis, Json } from "../data/types";

/** Of axes, the numbers of the values that an entry names. It matches cells that have one of them on every axis. */
type Entry = ReadonlyMap<string, readonly number[]>;

/** YAML that leaves out exactly these cells, or in words why there is none. */
export function excludeBlock(run: Run, cells: readonly number[]): { yaml: string } | { problem: string } {
  if (!cells.length) return { problem: "No picture is rejected." };
  if (cells.length === run.size) return { problem: "Every picture is rejected: a sweep without pictures is none." };
  const entries = entriesOf(run, cells);
  const unnamed = unnamedValue(run, entries);
  if (unnamed !== null) return { problem: `An entry of exclude cannot name “${unnamed}” alone.` };
  const lines = entries.map((entry) => `  - ${lineOf(run, entry)}`);
  return { yaml: ["exclude:", ...lines, ""].join("\n") };
}

/** Entries that match these cells and no other one of the run. */
export function entriesOf(run: Run, cells: readonly number[]): Entry[] {
  const axes = run.head.axes;
  let entries: Entry[] = cells.map((cell) => new Map(axes.map(({ name }) => [name, [run.value(cell, name)]])));
  for (const axis of axes) entries = merged(entries, axis);
  const matched = new Set(cells);
  return [...new Map(entries.map((entry) => shortened(run, entry, matched)).map((one) => [keyOf(one), one])).values()];
}

/** Entries that agree in all other axes become one. */
function merged(entries: readonly Entry[], axis: Axis): Entry[] {
  const alike = new Map<string, Entry>();
  for (const entry of entries) {
    const key = keyOf(entry, axis.name);
    const values = [...(alike.get(key)?.get(axis.name) ?? []), ...(entry.get(axis.name) ?? [])];
    alike.set(key, new Map([...entry, [axis.name, values.sort((a, b) => a - b)]]));
  }
  return [...alike.values()];
}

function keyOf(entry: Entry, without?: string): string {
  return [...entry].map(([name, values]) => (name === without ? "" : `${name} ${values.join()}`)).join(";");
}

/** Without the axes that change nothing of what it matches, `value` first: a sweep file may leave that to the guiders. */
function shortened(run: Run, entry: Entry, matched: ReadonlySet<number>): Entry {
  const names = [...entry.keys()].sort((a, b) => Number(b === "value") - Number(a === "value"));
  for (const name of names) {
    const shorter = new Map(entry);
    shorter.delete(name);
    if (shorter.size && matchesOnly(run, shorter, matched)) entry = shorter;
  }
  return entry;
}

function matchesOnly(run: Run, entry: Entry, matched: ReadonlySet<number>): boolean {
  const tests = [...entry].map(([name, values]) => ({ codes: run.plan.axes[name] ?? [], values: new Set(values) }));
  for (let cell = 0; cell < run.size; cell++)
    if (!matched.has(cell) && tests.every(({ codes, values }) => values.has(codes[cell] ?? 0))) return false;
  return true;
}

function unnamedValue(run: Run, entries: readonly Entry[]): string | null {
  for (const [name, values] of entries.flatMap((entry) => [...entry]))
    for (const value of values) {
      const found = run.axis(name)?.values[value];
      if (found?.entry === undefined) return found?.title ?? name;
    }
  return null;
}

function lineOf(run: Run, entry: Entry): string {
  const fields = [...entry].map(([name, values]) => {
    const named = values.map((value) => run.axis(name)?.values[value]);
    const texts = named.map((value) => (value && isRounded(value) ? value.text : flow(value?.entry ?? null)));
    const isAlone = named.length === 1 && !Array.isArray(named[0]?.entry);
    return `${scalar(name)}: ${isAlone ? texts.join() : `[${texts.join(", ")}]`}`;
  });
  return `{${fields.join(", ")}}`;
}

/** Of YAML 1.2, in one line. */
function flow(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, one]) => `${scalar(key)}: ${flow(one)}`)
      .join(", ")}}`;
  return typeof value === "string" ? scalar(value) : JSON.stringify(value);
}

/** A text: plain where it is a name, otherwise as in JSON, with line breaks of YAML 1.1 escaped as well. */
function scalar(text: string): string {
  if (/^[a-z_][\w-]*$/i.test(text) && !/^(null|true|false|yes|no|on|off|y|n)$/i.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
