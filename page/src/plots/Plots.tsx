import { useMemo } from "preact/hooks";
import type { Run } from "../data/run";
import { shownCells } from "../filter/sorted";
import { firstPlot, type PlotView } from "../state/plot";
import { change, view } from "../state/view";
import type { Plot } from "./draw";
import { PhaseMaps } from "./PhaseMaps";
import { PlotChart } from "./PlotChart";
import { PlotControls } from "./PlotControls";
import { lookOf, outlineOf, type Look } from "./shapes";
import { acrossNames, axesOver, categoriesOf, frontOf, frontProblem, pointsOf } from "./points";

/** Metrics of the cells that are shown, over an axis or over each other, closed at first; and the maps of `cfgsweep phase`. */
export function Plots({ run }: { run: Run }) {
  const { plot, overlay } = view.value;
  const hasMetrics = run.head.metrics.length > 0;
  if (!hasMetrics && !run.plan.maps?.length) return null;
  const toggle = (isOpen: boolean) => {
    if (isOpen !== (plot !== null)) change({ plot: isOpen ? firstOf(run, overlay?.metric) : null });
  };
  return (
    <section class="plots" aria-label="Plots">
      {hasMetrics && (
        <details open={plot !== null} onToggle={(event) => toggle(event.currentTarget.open)}>
          <summary>Plots</summary>
          {plot && <Opened run={run} plot={plot} />}
        </details>
      )}
      <PhaseMaps run={run} />
    </section>
  );
}

/** With means, where there is anything to take them over. */
function firstOf(run: Run, metric: string | undefined): PlotView | null {
  const found = firstPlot(run, acrossNames(run), metric);
  return found && { ...found, means: axesOver(run, [found.x, found.by]).length > 0 };
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
  const categories = categoriesOf(run, chosen.x);
  // Names have no order, so that nothing is between two of them.
  const hasCurves = run.axis(chosen.x) !== undefined && !categories;
  return { points, groups, view: chosen, hasCurves, front: frontOf(run, points, chosen), categories };
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
      {!plot.front && <li class="no-front">No Pareto front: {frontProblem(run, plot.view)}.</li>}
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
