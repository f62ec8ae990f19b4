import { useState } from "preact/hooks";
import type { PhaseMap } from "../data/types";
import type { Run } from "../data/run";
import { digits } from "../shared/digits";
import { change } from "../state/view";
import { titleOf } from "../viewer/settings";

/** The pictures of a map, a line each. */
export function MapTable({ run, map }: { run: Run; map: PhaseMap }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="numbers" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Map as a table</summary>
      {isOpen && (
        <div class="table-window" tabIndex={0} role="group" aria-label="Map as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">{map.across.label}</th>
                <th scope="col">{map.up.label}</th>
                <th scope="col">kind</th>
                <th scope="col">picture</th>
              </tr>
            </thead>
            <tbody>
              {map.points.map(({ cell, x, y, kind }) => (
                <tr key={cell}>
                  <td>{digits(x)}</td>
                  <td>{digits(y)}</td>
                  <td>{kind + 1}</td>
                  <td>
                    <button type="button" onClick={() => change({ open: run.id(cell) })}>
                      <bdi>{titleOf(run, cell)}</bdi>
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
