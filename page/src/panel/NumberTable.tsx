import { useState } from "preact/hooks";
import { digits } from "../shared/digits";
import { lengthOf, type Chart } from "./curves";

/** All numbers of charts, a line a step. */
export function NumberTable({ unit, charts }: { unit: Chart["unit"]; charts: readonly Chart[] }) {
  const [isOpen, setOpen] = useState(false);
  const curves = charts.flatMap((chart) => chart.curves);
  const length = Math.max(...charts.map(lengthOf));
  return (
    <details class="numbers" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Numbers as a table</summary>
      {isOpen && (
        <div class="table-window" tabIndex={0} role="group" aria-label="Numbers as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">{unit}</th>
                {curves.map((curve) => (
                  <th key={curve.name} scope="col">
                    {curve.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Array.from({ length }, (_, step) => (
                <tr key={step}>
                  <th scope="row">{step + 1}</th>
                  {curves.map((curve) => (
                    <td key={curve.name}>{digits(curve.values[step])}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
