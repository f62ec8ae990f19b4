import type { Json } from "../data/types";
import type { Run } from "../data/run";
import { digits } from "../shared/digits";

const BETTER = new Map([
  [true, " (higher is better)"],
  [false, " (lower is better)"],
]);

/** The metrics of a cell, beside the reference's, and by how much they differ. */
export function Metrics({ run, cell, reference }: { run: Run; cell: number; reference: number | null }) {
  const { metrics } = run.head;
  if (!metrics.length) return <p>No metrics were measured.</p>;
  return (
    <table class="metrics">
      <thead>
        <tr>
          <th scope="col">metric</th>
          <th scope="col">picture</th>
          {reference !== null && (
            <>
              <th scope="col">reference</th>
              <th scope="col">difference</th>
            </>
          )}
        </tr>
      </thead>
      <tbody>
        {metrics.map(({ name, higherIsBetter }) => {
          const [own, other] = [cell, reference].map((one) => (one === null ? null : asNumber(run.field(one, name))));
          return (
            <tr key={name}>
              <th scope="row" dir="auto">
                {name}
                <span class="of-reference">{higherIsBetter === null ? "" : BETTER.get(higherIsBetter)}</span>
              </th>
              <td>{digits(own)}</td>
              {reference !== null && (
                <>
                  <td>{digits(other)}</td>
                  <td>{differenceOf(own, other)}</td>
                </>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Of the picture from the reference, with its sign. */
function differenceOf(own: number | null | undefined, other: number | null | undefined): string {
  if (own == null || other == null) return digits(null);
  const difference = own - other;
  return difference > 0 ? `+${digits(difference)}` : digits(difference).replace("-", "−");
}

function asNumber(value: Json): number | null {
  return typeof value === "number" ? value : null;
}
