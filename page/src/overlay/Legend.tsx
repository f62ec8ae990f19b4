import { digits } from "../shared/digits";
import { drawn } from "./metric";
import { GRADIENT } from "./scale";

/** The colours of the metric that is drawn, with the numbers at both ends; better ones are at the right where that is known. */
export function Legend() {
  const shown = drawn.value;
  if (!shown) return null;
  const { metric, range } = shown;
  if (!range) return <span class="metric-legend">no cell has a number of {metric.name}</span>;
  const ends = [range.low, range.high].map(digits);
  if (metric.higherIsBetter === false) ends.reverse();
  const direction = { true: "higher is better", false: "lower is better", null: "" }[String(metric.higherIsBetter)] ?? "";
  return (
    <span class="metric-legend" role="img" aria-label={`colours of ${metric.name}, from ${ends.join(" to ")}; ${direction}`}>
      <span>{ends[0]}</span>
      <span class="gradient" style={{ background: GRADIENT }} />
      <span>{ends[1]}</span>
      {direction && <span class="direction">→ {direction}</span>}
    </span>
  );
}
