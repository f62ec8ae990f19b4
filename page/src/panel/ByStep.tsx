/** The charts of a cell, a field for the step they mark, and the same numbers as a table. */

import { useMemo } from "preact/hooks";
import type { Detail } from "../data/types";
import { ChartView } from "./ChartView";
import { chartsOf, lengthOf, type Chart } from "./curves";
import { NumberTable } from "./NumberTable";
import { mark, position } from "./position";

export function ByStep({ detail, reference }: { detail: Detail; reference: Detail | null }) {
  // The same charts as long as the numbers are, so that none is drawn again when the view changes.
  const charts = useMemo(() => chartsOf(detail, reference).filter((chart) => lengthOf(chart) > 0), [detail, reference]);
  if (!charts.length) return <p>No numbers by step are kept of this picture.</p>;
  const units = [...new Set(charts.map((chart) => chart.unit))];
  return (
    <>
      {units.map((unit) => {
        const own = charts.filter((chart) => chart.unit === unit);
        return (
          <div key={unit}>
            <StepField unit={unit} length={Math.max(...own.map(lengthOf))} />
            {own.map((chart) => (
              <ChartView key={chart.title} chart={chart} />
            ))}
            <NumberTable unit={unit} charts={own} />
          </div>
        );
      })}
    </>
  );
}

/** Chooses the step that charts mark, by keys and fingers. */
function StepField({ unit, length }: { unit: Chart["unit"]; length: number }) {
  const at = position.value?.unit === unit ? Math.min(position.value.at, length - 1) : 0;
  const text = `${unit} ${at + 1} of ${length}`;
  return (
    <label class="step-field">
      <span>{text}</span>
      <input
        type="range"
        min={1}
        max={length}
        value={at + 1}
        aria-label={`Marked ${unit}`}
        aria-valuetext={text}
        onInput={(event) => mark(unit, Number(event.currentTarget.value) - 1)}
      />
    </label>
  );
}
