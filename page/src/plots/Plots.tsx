import { useMemo } from "preact/hooks";
import type { Run } from "../data/run";
import { shownCells } from "../filter/sorted";
import { firstPlot, type PlotView } from "../state/plot";
import { change, view } from "../state/view";
import type { Plot } from "./draw";
import { PlotChart } from "./PlotChart";
import { PlotControls } from "./PlotControls";
import { lookOf, outlineOf, type Look } from "./shapes";
import { acrossNames, frontOf, pointsOf } from "./points";

/** Metrics of the cells that are shown, over an axis or over each other; closed at first. */
export function Plots({ run }: { run: Run }) {
  const { plot, overlay } = view.value;
  if (!run.head.metrics.length) return null;
  const toggle = (isOpen: boolean) => {
    if (isOpen === (plot === null)) change({ plot: isOpen ? firstPlot(run, acrossNames(run), overlay?.metric) : null });
  };
  return (
    <section class="plots" aria-label="Plots">
      <details open={plot !== null} onToggle={(event) => toggle(event.currentTarget.open)}>
        <summary>Plots</summary>
        {plot && <Opened run={run} plot={plot} />}
      </details>
    </section>
  );
}

function Opened({ run, plot: chosen }: { run: Run; plot: PlotView }) {
  const cells = shownCells.value;
  const { x, y, by, means } = chosen;
  const plot = useMemo(() => plotOf(run, cells, { x, y, by, means }), [run, cells, x, y, by, means]);
  return (
    <>
      <PlotControls run={run} plot={chosen} />
      <PlotLegend run={run} plot={plot} />
      {plot.points.length ? (
        <PlotChart run={run} plot={plot} />
      ) : (
        <p role="status">No cell that is shown has both numbers.</p>
      )}
    </>
  );
}

function plotOf(run: Run, cells: readonly number[], chosen: PlotView): Plot {
  const points = pointsOf(run, cells, chosen);
  const groups = [...new Set(points.map(({ group }) => group))].sort((a, b) => a - b);
  const hasCurves = run.axis(chosen.x) !== undefined;
  return { points, groups, view: chosen, hasCurves, front: frontOf(run, points, chosen) };
}

function PlotLegend({ run, plot }: { run: Run; plot: Plot }) {
  const axis = run.axis(plot.view.by);
  return (
    <ul class="plot-legend">
      {axis &&
        plot.groups.map((group) => (
          <li key={group}>
            <Swatch look={lookOf(group)} hasCurve={plot.hasCurves} />
            <bdi>{axis.values[group]?.title}</bdi>
          </li>
        ))}
      {plot.front && <li>◯ Pareto front: {plot.front.size} points that no other is better than in both metrics</li>}
    </ul>
  );
}

function Swatch({ look, hasCurve }: { look: Look; hasCurve: boolean }) {
  const colour = `var(${look.colour})`;
  return (
    <svg class="plot-swatch" viewBox="0 0 24 8" aria-hidden="true">
      {hasCurve && <line x1="0" x2="24" y1="4" y2="4" stroke={colour} stroke-dasharray={look.dash.join(" ")} />}
      <path d={outlineOf(look.shape, 12, 4, 3.5)} fill={colour} />
    </svg>
  );
}
