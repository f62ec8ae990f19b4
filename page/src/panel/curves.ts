/** The numbers of a cell by step, arranged as charts. */

import type { Detail } from "../data/types";

export type Numbers = readonly (number | null)[];

interface Curve {
  name: string;
  values: Numbers;
  /** of the cell that this one is compared with */
  reference: Numbers | null;
}

export interface Chart {
  title: string;
  /** what the numbers are by: a denoiser may be called several times in a step */
  unit: "step" | "call";
  curves: readonly Curve[];
}

const GROUPS: readonly [title: string, names: RegExp][] = [
  ["Guidance scale", /^schedule$|scale$/],
  ["Norms", /norm/],
  ["Cosine of cond and uncond", /cosine/],
  ["Saturation", /saturation|beyond/],
  ["Noise level", /^sigma/],
  ["Predicted x0", /^x0_/],
];

/** The charts of a cell, with the reference's curves where it has the same. */
export function chartsOf(detail: Detail, reference: Detail | null): Chart[] {
  const own = numbersOf(detail);
  const other = reference ? numbersOf(reference) : {};
  const calls = callsOf(detail);
  const charts = new Map<string, Chart & { curves: Curve[] }>();
  for (const [name, values] of Object.entries(own)) {
    const unit = calls && values.length === calls && calls !== detail.schedule?.length ? "call" : "step";
    const group = GROUPS.findIndex(([, names]) => names.test(name));
    const title = GROUPS[group]?.[0] ?? readable(name);
    const key = `${String(group < 0 ? GROUPS.length : group)} ${title} ${unit}`;
    const chart = charts.get(key) ?? { title, unit, curves: [] };
    chart.curves.push({ name: readable(name), values, reference: other[name] ?? null });
    charts.set(key, chart);
  }
  return [...charts].sort(([a], [b]) => Number(a.split(" ")[0]) - Number(b.split(" ")[0])).map(([, chart]) => chart);
}

/** All numbers of a cell by their names. The schedule's are not repeated. */
function numbersOf(detail: Detail): Record<string, Numbers> {
  const all: Record<string, Numbers> = { ...detail.diagnostics };
  if (!detail.schedule) return all;
  const { scale, ...others } = all;
  const isRepeated = scale?.length === detail.schedule.length;
  return { schedule: detail.schedule, ...(isRepeated ? others : all) };
}

function callsOf(detail: Detail): number {
  return Math.max(0, ...Object.values(detail.diagnostics ?? {}).map((values) => values.length));
}

export function lengthOf(chart: Chart): number {
  return Math.max(0, ...chart.curves.map((curve) => curve.values.length));
}

function readable(name: string): string {
  return name.replaceAll("_", " ");
}

/** Numbers and the reference's as columns of the same length, after the numbers of steps, from 1. */
export function alignedColumns(chart: Chart): [number[], ...(number | null)[][]] {
  const columns = chart.curves.flatMap(({ values, reference }) => [values, reference ?? []]);
  const length = Math.max(0, ...columns.map((column) => column.length));
  const filled = (column: Numbers) => Array.from({ length }, (_, at) => column[at] ?? null);
  return [Array.from({ length }, (_, at) => at + 1), ...columns.map(filled)];
}
