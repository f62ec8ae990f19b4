/** What is plotted, with its part of the address. */

import type { Run } from "../data/run";

export interface PlotView {
  /** across: an axis of numbers, or a metric */
  x: string;
  /** up: a metric */
  y: string;
  /** the axis that colours points, and of which each value has a curve; empty: none */
  by: string;
  /** whether points are means over seeds, labels and prompts */
  means: boolean;
}

export function plotToHash(plot: PlotView | null, parts: URLSearchParams): void {
  if (!plot) return;
  for (const key of ["x", "y", "by"] as const) if (plot[key]) parts.set(`plot.${key}`, plot[key]);
  if (plot.means) parts.set("plot.means", "1");
}

/** null where there is no plot, or of something that the run does not have. */
export function plotFromHash(parts: URLSearchParams, found: Run): PlotView | null {
  const [x, y, by] = ["x", "y", "by"].map((key) => parts.get(`plot.${key}`) ?? "");
  const isMetric = (name?: string) => found.head.metrics.some((metric) => metric.name === name);
  if (!x || !y || !isMetric(y) || !(isMetric(x) || found.axis(x))) return null;
  return { x, y, by: by && found.axis(by) ? by : "", means: parts.get("plot.means") === "1" };
}

/** The first metric over the guidance scale, or over another axis of numbers, one curve for each guider. */
export function firstPlot(found: Run, across: readonly string[], metric: string | undefined): PlotView | null {
  const y = metric ?? found.head.metrics[0]?.name;
  const x = across.includes("value") ? "value" : across[0];
  if (x === undefined || y === undefined) return null;
  const others = found.head.axes.filter((axis) => axis.name !== x && axis.values.length > 1).map(({ name }) => name);
  return { x, y, by: others.includes("guider") ? "guider" : (others[0] ?? ""), means: false };
}
