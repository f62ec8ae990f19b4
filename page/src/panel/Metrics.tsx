import type { Json, Metric } from "../data/types";
import type { Run } from "../data/run";
import { digits } from "../shared/digits";

const BETTER = new Map([
  [true, " (higher is better)"],
  [false, " (lower is better)"],
]);

/** The metrics of a cell, beside the reference's. */
export function Metrics({ run, cell, reference }: { run: Run; cell: number; reference: number | null }) {
  const { metrics } = run.head;
  if (!metrics.length) return null;
  const number = (one: number, metric: Metric) => digits(asNumber(run.field(one, metric.name)));
  return (
    <table class="metrics">
      <thead>
        <tr>
          <th scope="col">metric</th>
          <th scope="col">picture</th>
          {reference !== null && <th scope="col">reference</th>}
        </tr>
      </thead>
      <tbody>
        {metrics.map((metric) => (
          <tr key={metric.name}>
            <th scope="row" dir="auto">
              {metric.name}
              <span class="of-reference">{metric.higherIsBetter === null ? "" : BETTER.get(metric.higherIsBetter)}</span>
            </th>
            <td>{number(cell, metric)}</td>
            {reference !== null && <td>{number(reference, metric)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function asNumber(value: Json): number | null {
  return typeof value === "number" ? value : null;
}
