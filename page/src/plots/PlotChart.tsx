import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Run } from "../data/run";
import { px } from "../shared/px";
import { useUPlot } from "../shared/useUPlot";
import { change } from "../state/view";
import { drawPlot, shapeOf, update, type Plot } from "./draw";
import { stepped } from "./keys";
import { PointText } from "./PointText";
import { nearest } from "./points";

/** How far from a point the pointer may be, in pixels. */
const REACH = 24;

/** A plot whose points open their pictures, by the pointer and by keys. */
export function PlotChart({ run, plot }: { run: Run; plot: Plot }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useSignal(plot);
  latest.value = plot;
  const redraws = useSignal(0);
  const activeCell = useSignal<number | null>(null);
  const drawn = useUPlot(place, shapeOf(plot), (element) => drawPlot(() => latest.value, element, () => redraws.value++));
  useEffect(() => {
    if (drawn.value) update(drawn.value, plot);
  }, [plot]);
  const { points, view } = plot;
  const upwards = useMemo(() => points.map((_, at) => at).sort((a, b) => (points[a]?.y ?? 0) - (points[b]?.y ?? 0)), [points]);
  const numbers = useMemo(() => new Map(points.map(({ cells }, number) => [cells[0], number])), [points]);
  // Of all points, in pixels of the plot; as it was drawn last.
  const places = useComputed(() => {
    const shown = drawn.value;
    if (!shown || redraws.value < 0) return [];
    return latest.value.points.map(({ x, y }) => ({ left: shown.valToPos(x, "x"), top: shown.valToPos(y, "y") }));
  });
  const active = activeCell.value === null ? -1 : (numbers.get(activeCell.value) ?? -1);
  const activate = (number: number) => void (activeCell.value = points[number]?.cells[0] ?? null);
  const ring = places.value[active];
  const { offsetLeft = 0, offsetTop = 0 } = drawn.value?.over ?? {};
  const open = (number: number) => {
    const cell = points[number]?.cells[0];
    if (cell !== undefined) change({ open: run.id(cell) });
  };
  const at = (event: MouseEvent) => {
    const box = drawn.value?.over.getBoundingClientRect();
    return box ? nearest(places.value, { left: event.clientX - box.left, top: event.clientY - box.top }, REACH) : -1;
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const to = stepped(event.key, active, upwards);
    if (event.key === "Enter") open(active);
    else if (to !== null) activate(to);
    else return;
    event.preventDefault();
  };
  return (
    <div class="plot-chart">
      <div
        class="plot-place"
        role="application"
        aria-roledescription="plot"
        aria-label={`${view.y} over ${view.x}, ${points.length} points. Left and right go from point to point, up and down by ${view.y}, Enter opens the picture.`}
        tabIndex={0}
        data-cell={activeCell.value}
        onPointerMove={(event) => activate(at(event))}
        onClick={(event) => {
          activate(at(event));
          open(at(event));
        }}
        onKeyDown={press}
      >
        <div ref={place} />
        {ring && <span class="plot-ring" style={px({ left: ring.left + offsetLeft, top: ring.top + offsetTop })} />}
      </div>
      <PointText run={run} plot={plot} point={points[active]} />
    </div>
  );
}
