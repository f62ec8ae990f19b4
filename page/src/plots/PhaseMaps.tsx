/** The maps of `cfgsweep phase` over two settings: which kind of picture is where in their plane. */

import type { PhaseMap } from "../data/types";
import type { Run } from "../data/run";
import { change } from "../state/view";
import { MapChart } from "./MapChart";
import { MapTable } from "./MapTable";
import { kindsOf } from "./map";
import { lookOf, outlineOf } from "./shapes";

export function PhaseMaps({ run }: { run: Run }) {
  const maps = run.plan.maps ?? [];
  if (!maps.length) return null;
  return (
    <details class="phase-maps" open>
      <summary>{maps.length > 1 ? "Phase maps" : "Phase map"}</summary>
      <div class="maps">
        {maps.map((map) => (
          <figure key={map.title} class="map">
            <figcaption dir="auto">{map.title}</figcaption>
            <MapLegend run={run} map={map} />
            <MapChart run={run} map={map} />
            <MapTable run={run} map={map} />
          </figure>
        ))}
      </div>
    </details>
  );
}

/** The kinds of pictures, each with a typical one, and what boundaries look like. */
function MapLegend({ run, map }: { run: Run; map: PhaseMap }) {
  const counts = map.points.reduce((all, { kind }) => all.set(kind, (all.get(kind) ?? 0) + 1), new Map<number, number>());
  return (
    <ul class="plot-legend">
      {kindsOf(map).map((kind) => (
        <li key={kind}>
          <svg class="plot-swatch" viewBox="0 0 24 8" aria-hidden="true">
            <path d={outlineOf(lookOf(kind).shape, 12, 4, 3.5)} fill={`var(${lookOf(kind).colour})`} />
          </svg>
          {`kind ${kind + 1}: ${counts.get(kind) ?? 0} pictures`}
          <Typical run={run} cell={map.typical[kind] ?? null} kind={kind} />
        </li>
      ))}
      {map.areas.some(({ kind }) => kind === null) && (
        <li>
          <svg class="plot-swatch" viewBox="0 0 24 8" aria-hidden="true">
            <path class="boundary" d="M0 0h24v8h-24z" />
          </svg>
          boundary between kinds
        </li>
      )}
    </ul>
  );
}

function Typical({ run, cell, kind }: { run: Run; cell: number | null; kind: number }) {
  const thumb = cell === null ? null : run.thumb(cell);
  if (cell === null || thumb === null) return null;
  return (
    <button type="button" class="typical" aria-label={`Open a typical picture of kind ${kind + 1}`} onClick={() => change({ open: run.id(cell) })}>
      <img src={thumb} alt="" />
    </button>
  );
}
