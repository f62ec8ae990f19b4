/** Points as a uPlot: dots, and for an axis across a curve through each group's means. */

import uPlot from "uplot";
import { resolved } from "../shared/colours";
import type { PlotView } from "../state/plot";
import { dotPaths, lookOf, type Shape } from "./shapes";
import { curveOf, type Point } from "./points";
import { roomFor, tickTexts } from "../shared/ticks";

const HEIGHT = 300;

export interface Plot {
  points: readonly Point[];
  /** of the groups that have points, in the order of their axis */
  groups: readonly number[];
  view: PlotView;
  hasCurves: boolean;
  front: ReadonlySet<Point> | null;
}

export function drawPlot(plot: Plot, place: HTMLElement): uPlot {
  const colour = (variable: string) => () => resolved(variable, place);
  const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const looks = plot.groups.map(lookOf);
  const dots = looks.map((look) => dotsIn(colour(look.colour), look.shape, plot.points.length));
  const curves = plot.hasCurves ? looks.map((look) => curveIn(colour(look.colour), [...look.dash])) : [];
  const front = plot.front ? [frontIn(colour("--text"))] : [];
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      scales: { x: { time: false, range: withMargin }, y: { range: withMargin } },
      axes: [
        { ...axis, label: plot.view.x, labelSize: 18, labelGap: 0, size: 24, gap: 2, values: tickTexts },
        { ...axis, label: plot.view.y, labelSize: 18, labelGap: 0, size: roomFor(56), gap: 2, values: tickTexts },
      ],
      series: [{}, ...dots, ...curves, ...front],
      cursor: { points: { show: false }, drag: { x: true, y: true, dist: 6, uni: 30 } },
    },
    columnsOf(plot),
    place,
  );
}

/** A column for each series, all as long as there are points. */
export function columnsOf({ points, groups, hasCurves, front }: Plot): uPlot.AlignedData {
  const dots = groups.map((group) => points.map((point) => (point.group === group ? point.y : null)));
  const curves = hasCurves ? groups.map((group) => curveOf(points, group)) : [];
  const best = front ? [points.map((point) => (front.has(point) ? point.y : null))] : [];
  return [points.map(({ x }) => x), ...dots, ...curves, ...best];
}

type Colour = () => string;

function dotsIn(fill: Colour, shape: Shape, count: number): uPlot.Series {
  const size = count > 2000 ? 4 : 8;
  return { stroke: fill, paths: () => null, points: { show: true, size, fill, width: 0, paths: dotPaths(shape) } };
}

/** With room for dots at both ends. */
function withMargin(_plot: uPlot, low: number, high: number): [number, number] {
  const margin = 0.03 * (high - low) || 1;
  return [low - margin, high + margin];
}

function curveIn(stroke: Colour, dash: number[]): uPlot.Series {
  return { stroke, dash, width: 1.5, spanGaps: true, points: { show: false } };
}

function frontIn(stroke: Colour): uPlot.Series {
  return { stroke, dash: [3, 3], width: 1, spanGaps: true, points: { show: true, size: 13, stroke, width: 1.5, fill: "transparent" } };
}
