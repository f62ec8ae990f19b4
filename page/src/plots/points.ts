/** The points of a plot, and the curves and the front through them. */

import type { Run } from "../data/run";
import { metricNames, numberOf } from "../filter/fields";
import type { PlotView } from "../state/plot";

/** What numbers are averaged over: the same as in the tables and comparisons of `cfgsweep`. */
const OVER = ["seed", "label", "prompt"];

export interface Point {
  x: number;
  y: number;
  /** the picture, or those whose mean it is */
  cells: readonly number[];
  /** the number of the value of the axis that colours points; 0 where there is none */
  group: number;
}

/** The axes over which means can be taken; chosen: those that are shown themselves. */
export function axesOver(run: Run, chosen: readonly string[] = []): string[] {
  return severalValued(run).filter((name) => OVER.includes(name) && !chosen.includes(name));
}

/** The texts of an axis' values where not all of these are numbers; null of all others. */
export function categoriesOf(run: Run, name: string): string[] | null {
  const values = run.axis(name)?.values ?? [];
  return values.some(({ number }) => number === null) ? values.map(({ text }) => text) : null;
}

function severalValued(run: Run): string[] {
  return run.head.axes.filter(({ values }) => values.length > 1).map(({ name }) => name);
}

/** A point for each cell with both numbers, or for each mean, from left to right. */
export function pointsOf(run: Run, cells: readonly number[], { x, y, by, means }: PlotView): Point[] {
  const xOf = categoriesOf(run, x) ? (cell: number) => run.value(cell, x) : numberOf(run, x);
  const yOf = numberOf(run, y);
  const points: Point[] = [];
  for (const cell of cells) {
    const [left, up] = [xOf(cell), yOf(cell)];
    if (left !== null && up !== null) points.push({ x: left, y: up, cells: [cell], group: by ? run.value(cell, by) : 0 });
  }
  const found = means ? meansOf(run, points, [x, by]) : points;
  return found.sort((a, b) => a.x - b.x || a.y - b.y);
}

/** chosen: the axes that are shown, over which no mean is taken. */
function meansOf(run: Run, points: readonly Point[], chosen: readonly string[]): Point[] {
  const kept = run.head.axes.map(({ name }) => name).filter((name) => chosen.includes(name) || !OVER.includes(name));
  const alike = grouped(points, ({ cells: [cell = 0] }) => kept.map((name) => run.value(cell, name)).join());
  return [...alike.values()].map((group) => ({
    x: meanOf(group.map(({ x }) => x)),
    y: meanOf(group.map(({ y }) => y)),
    cells: group.flatMap(({ cells }) => cells),
    group: group[0]?.group ?? 0,
  }));
}

function grouped<Key>(points: readonly Point[], keyOf: (point: Point) => Key): Map<Key, Point[]> {
  const groups = new Map<Key, Point[]>();
  for (const point of points) {
    const key = keyOf(point);
    const group = groups.get(key);
    if (group) group.push(point);
    else groups.set(key, [point]);
  }
  return groups;
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
}

/** The curve of a group: the mean of its points at every x, at the first of these; null at all other points. */
export function curveOf(points: readonly Point[], group: number): (number | null)[] {
  const own = grouped(points.filter((point) => point.group === group), ({ x }) => x);
  const drawn = new Set<number>();
  return points.map(({ x }) => {
    const at = own.get(x);
    if (!at || drawn.has(x)) return null;
    drawn.add(x);
    return meanOf(at.map(({ y }) => y));
  });
}

/** The points than which none is better in one metric and at least as good in the other; null where that is not known. */
export function frontOf(run: Run, points: readonly Point[], { x, y }: PlotView): Set<Point> | null {
  const [signX, signY] = [x, y].map((name) => signOf(run, name));
  if (!signX || !signY || x === y) return null;
  const front = new Set<Point>();
  let best: Point | null = null;
  for (const point of [...points].sort((a, b) => signX * (b.x - a.x) || signY * (b.y - a.y))) {
    const isEqual: boolean = best !== null && best.x === point.x && best.y === point.y;
    if (best !== null && !isEqual && signY * (point.y - best.y) <= 0) continue;
    front.add(point);
    best = point;
  }
  return front;
}

/** Why there is no Pareto front; null where there is one. */
export function frontProblem(run: Run, { x, y }: PlotView): string | null {
  if (run.head.metrics.length < 2) return "it needs two metrics, and this run has one";
  if (run.axis(x)) return "it is of two metrics: choose one across as well";
  if (x === y) return "it is of two metrics, and both are the same";
  const unknown = [x, y].find((name) => !signOf(run, name));
  return unknown === undefined ? null : `it is not known whether a higher ${unknown} is better`;
}

/** 1 where higher is better, -1 where lower is, 0 where that is not known, or where it is no metric. */
function signOf(run: Run, name: string): number {
  const metric = run.axis(name) ? undefined : run.head.metrics.find((one) => one.name === name);
  return metric?.higherIsBetter == null ? 0 : metric.higherIsBetter ? 1 : -1;
}

/** What can be across: axes, first those of numbers, last those over which means are taken; and metrics. */
export function acrossNames(run: Run): string[] {
  const rank = (name: string) => (OVER.includes(name) ? 2 : categoriesOf(run, name) ? 1 : 0);
  const axes = severalValued(run).sort((a, b) => rank(a) - rank(b));
  return [...new Set([...axes, ...metricNames(run)])];
}

interface Pixels {
  left: number;
  top: number;
}

/** The number of the nearest place among those within a distance; -1 where there is none. */
export function nearest(places: readonly Pixels[], at: Pixels, within: number): number {
  let [best, least] = [-1, within * within];
  places.forEach(({ left, top }, number) => {
    const distance = (left - at.left) ** 2 + (top - at.top) ** 2;
    if (distance <= least) [best, least] = [number, distance];
  });
  return best;
}
