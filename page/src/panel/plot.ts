/** A chart as a uPlot of its curves; the reference's are dashed. */

import uPlot from "uplot";
import { resolved, seriesColour } from "../shared/colours";
import { alignedColumns, type Chart } from "./curves";
import { mark } from "./position";
import { roomFor, tickTexts } from "../shared/ticks";

const HEIGHT = 120;

export function draw(chart: Chart, place: HTMLElement): uPlot {
  const colour = (variable: string) => () => resolved(variable, place);
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const curves = chart.curves.flatMap((_, number) => {
    const stroke = colour(seriesColour(number));
    const points = { size: 4 };
    return [
      { stroke, width: 1.5, points },
      { stroke, width: 1, dash: [4, 4], points: { show: false } },
    ];
  });
  const plot: uPlot = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      padding: [6, 8, 0, 0],
      // A schedule of zeros alone has a scale, too: uPlot's would reach to 100.
      scales: { x: { time: false }, y: { range: (_, low, high) => (low || high ? uPlot.rangeNum(low, high, 0.1, true) : [0, 1]) } },
      axes: [
        { ...axis, size: 20, gap: 2, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
        { ...axis, size: roomFor(48), gap: 4, space: 24, values: tickTexts },
      ],
      series: [{}, ...curves],
      // The mark stays where the pointer left the chart, so that its numbers can be read.
      cursor: { y: false, drag: { x: false, y: false }, bind: { mouseleave: () => () => null } },
      hooks: { setCursor: [({ cursor }) => typeof cursor.idx === "number" && mark(chart.unit, cursor.idx)] },
    },
    alignedColumns(chart),
    place,
  );
  return plot;
}

/** Marks a step in a chart; none: null. */
export function markIn(plot: uPlot, step: number | null): void {
  plot.setCursor({ left: step === null ? -10 : plot.valToPos(step + 1, "x"), top: 0 }, false);
}
