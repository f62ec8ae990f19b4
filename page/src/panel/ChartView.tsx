import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { seriesColour } from "../shared/colours";
import { digits } from "../shared/digits";
import { useUPlot } from "../shared/useUPlot";
import { alignedColumns, lengthOf, type Chart } from "./curves";
import { draw, markIn } from "./plot";
import { markedStep } from "./position";

/** One chart, with the numbers at the marked step. */
export function ChartView({ chart }: { chart: Chart }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(chart);
  latest.current = chart;
  const plot = useUPlot(place, chart.curves.map((curve) => curve.name).join("\n"), (element) => draw(chart, element));
  const markStep = () => {
    if (plot.value) markIn(plot.value, markedStep(latest.current, lengthOf(latest.current)));
  };
  useEffect(() => {
    plot.value?.setData(alignedColumns(chart));
    markStep();
  }, [chart]);
  useSignalEffect(markStep);

  return (
    <figure class="chart">
      <figcaption>
        {chart.title}
        <Legend chart={chart} />
      </figcaption>
      <div class="plot" ref={place} aria-hidden="true" />
    </figure>
  );
}

function Legend({ chart }: { chart: Chart }) {
  const step = markedStep(chart, lengthOf(chart));
  return (
    <ul class="curves">
      {chart.curves.map((curve, number) => (
        <li key={curve.name}>
          <span class="swatch" style={{ background: `var(${seriesColour(number)})` }} aria-hidden="true" />
          {curve.name}
          {step !== null && <b>{` ${digits(curve.values[step])}`}</b>}
          {step !== null && curve.reference && <span class="of-reference">{` (${digits(curve.reference[step])})`}</span>}
        </li>
      ))}
      {chart.curves.some((curve) => curve.reference) && <li class="of-reference">dashed: reference</li>}
    </ul>
  );
}
