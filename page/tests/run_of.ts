import { listen } from "../src/data/load";
import { Run } from "../src/data/run";
import type { Axis, Column, Head, Json, Metric } from "../src/data/types";

/** An axis of numbers, or of names where no value is one. */
export function axis(name: string, values: (number | string)[]): Axis {
  return {
    name,
    label: name,
    values: values.map((value) => ({
      title: typeof value === "number" ? `${name} ${value}` : value,
      text: String(value),
      number: typeof value === "number" ? value : null,
    })),
  };
}

let files = 0;

/**
 * A run with all combinations of the axes' values, the last axis fastest, whose cells are named c0, c1, …
 * fields: one value a cell. waiting: cells that are not there yet. reasons: of cells that failed.
 */
export function runOf(given: {
  axes: Axis[];
  fields?: Record<string, Json[]>;
  metrics?: Metric[];
  waiting?: number[];
  reasons?: Record<number, string>;
  head?: Partial<Head>;
}): Promise<Run> {
  listen();
  const size = given.axes.reduce((product, one) => product * one.values.length, 1);
  const all = Array.from({ length: size }, (_, cell) => cell);
  const axes: Record<string, number[]> = {};
  let repeat = size;
  for (const one of given.axes) {
    const step = (repeat /= one.values.length);
    axes[one.name] = all.map((cell) => Math.floor(cell / step) % one.values.length);
  }
  const plan = `plan-${files++}.js`;
  const at = all.filter((cell) => !given.waiting?.includes(cell));
  const column = <T>(of: (cell: number) => T): Column<T> => ({ each: at.map(of) });
  window.cfgsweepPage(plan, { ids: all.map((cell) => `c${cell}`), axes, described: given.axes });
  window.cfgsweepPage(`results-${plan}`, {
    at,
    thumb: column((cell) => `t${cell}`),
    colour: column(() => 0),
    reason: column((cell) => given.reasons?.[cell] ?? null),
    fields: Object.fromEntries(
      Object.entries(given.fields ?? {}).map(([name, values]) => [name, column((cell) => values[cell] ?? null)]),
    ),
    details: "",
  });
  return Run.of({
    format: 1,
    name: "test",
    state: "done",
    poll: 1000,
    version: "0",
    pictures: "../images/",
    previews: null,
    thumbs: "thumbs/",
    metrics: given.metrics ?? [],
    plan,
    results: [`results-${plan}`],
    transitions: [],
    ...given.head,
  });
}
