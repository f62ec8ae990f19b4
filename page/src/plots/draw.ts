/** Points as a uPlot: dots, and for an axis across a curve through each group's means. */

import uPlot from "uplot";
import { resolved } from "../shared/colours";
import { roomFor, tickTexts } from "../shared/ticks";
import type { PlotView } from "../state/plot";
import { drawDots } from "./dots";
import { curveOf, type Point } from "./points";
import { lookOf } from "./shapes";

const HEIGHT = 300;

export interface Plot {
  points: readonly Point[];
  /** of the groups that have points, in the order of their axis */
  groups: readonly number[];
  view: PlotView;
  hasCurves: boolean;
  front: ReadonlySet<Point> | null;
  /** the texts of the values across where these are no numbers; their places are 0, 1, … */
  categories: readonly string[] | null;
}

/** What a drawn plot depends on besides its points. */
export function shapeOf({ groups, view, hasCurves, front, categories }: Plot): string {
  return JSON.stringify([groups, view, hasCurves, front !== null, categories]);
}

/** plot: as it is when it is drawn again. onDrawn: called after that. */
export function drawPlot(plot: () => Plot, place: HTMLElement, onDrawn: () => void): uPlot {
  const { groups, view, hasCurves, front, categories } = plot();
  const colour = (variable: string) => () => resolved(variable, place);
  const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const label = { labelSize: 18, labelGap: 0, gap: 2 };
  const curves = hasCurves ? groups.map(lookOf).map((look) => curveIn(colour(look.colour), [...look.dash])) : [];
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      scales: { x: { time: false, range: categories ? [-0.5, categories.length - 0.5] : withMargin }, y: { range: withMargin } },
      axes: [
        { ...axis, ...label, label: view.x, size: 24, ...(categories ? ticksOf(categories) : { values: tickTexts }) },
        { ...axis, ...label, label: view.y, size: roomFor(56), values: tickTexts },
      ],
      // The first one gives the scales all points, which the hook draws.
      series: [{}, { paths: () => null, points: { show: false } }, ...curves, ...(front ? [curveIn(colour("--text"), [3, 3], 1)] : [])],
      cursor: { points: { show: false }, drag: { x: true, y: true, dist: 6, uni: 30 } },
      hooks: {
        draw: [(drawn) => drawDots(drawn, plot(), (variable) => resolved(variable, place)), onDrawn],
        setSelect: [(drawn) => zoomed.add(drawn)],
        ready: [(drawn) => drawn.over.addEventListener("dblclick", () => zoomed.delete(drawn))],
      },
    },
    columnsOf(plot()),
    place,
  );
}

/** Plots of which the user has chosen a part. */
const zoomed = new WeakSet<uPlot>();

/** Other points of the same shape; of a part that the user has chosen, in this part. */
export function update(drawn: uPlot, plot: Plot): void {
  if (!zoomed.has(drawn)) {
    drawn.setData(columnsOf(plot));
    return;
  }
  const kept = (["x", "y"] as const).map((key) => ({ key, min: drawn.scales[key]?.min ?? 0, max: drawn.scales[key]?.max ?? 1 }));
  drawn.batch(() => {
    drawn.setData(columnsOf(plot), false);
    for (const { key, min, max } of kept) drawn.setScale(key, { min, max });
  });
}

/** A column for each series, all as long as there are points. */
function columnsOf({ points, groups, hasCurves, front }: Plot): uPlot.AlignedData {
  const curves = hasCurves ? groups.map((group) => curveOf(points, group)) : [];
  const best = front ? [points.map((point) => (front.has(point) ? point.y : null))] : [];
  return [points.map(({ x }) => x), points.map(({ y }) => y), ...curves, ...best];
}

/** With room for dots at both ends. */
function withMargin(_plot: uPlot, low: number, high: number): [number, number] {
  const margin = 0.03 * (high - low) || 1;
  return [low - margin, high + margin];
}

function curveIn(stroke: () => string, dash: number[], width = 1.5): uPlot.Series {
  return { stroke, dash, width, spanGaps: true, points: { show: false } };
}

/** In pixels, of the font of axes. */
const LETTER = 7;
const LEAST_LETTERS = 4;

/** A tick at each category, or at every few where they have no room; texts are cut to the room they have. */
function ticksOf(categories: readonly string[]): Pick<uPlot.Axis, "splits" | "values"> {
  const lettersOf = (plot: uPlot) => {
    const { min, max } = plot.scales.x ?? {};
    return Math.max(0.1, plot.bbox.width / devicePixelRatio / ((max ?? 1) - (min ?? 0)) / LETTER);
  };
  const every = (plot: uPlot) => Math.ceil(LEAST_LETTERS / lettersOf(plot));
  return {
    splits: (plot) => categories.map((_, at) => at).filter((at) => at % every(plot) === 0),
    values: (plot, places) => places.map((at) => cut(categories[at] ?? "", Math.floor(lettersOf(plot) * every(plot)) - 1)),
  };
}

function cut(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, Math.max(1, letters - 1))}…`;
}
