import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { seriesColour } from "../shared/colours";
import { digits } from "../shared/digits";
import { alignedColumns, lengthOf, type Chart } from "./curves";
import { draw, markIn } from "./plot";
import { markedStep } from "./position";

/** One chart, with the numbers at the marked step. */
export function ChartView({ chart }: { chart: Chart }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(chart);
  latest.current = chart;
  const names = chart.curves.map((curve) => curve.name).join("\n");

  useEffect(() => {
    if (!place.current) return;
    const made = draw(latest.current, place.current);
    plot.current = made;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) made.setSize({ width: Math.floor(entry.contentRect.width), height: made.height });
    });
    observer.observe(place.current);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => made.redraw(false);
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names]);
  useEffect(() => {
    if (!plot.current) return;
    plot.current.setData(alignedColumns(chart));
    markIn(plot.current, markedStep(chart, lengthOf(chart)));
  }, [chart]);
  useSignalEffect(() => {
    const step = markedStep(latest.current, lengthOf(latest.current));
    if (plot.current) markIn(plot.current, step);
  });

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
