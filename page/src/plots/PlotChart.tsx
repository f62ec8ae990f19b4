import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import type { Run } from "../data/run";
import { px } from "../shared/px";
import { change } from "../state/view";
import { drawPlot, type Plot } from "./draw";
import { stepped } from "./keys";
import { PointText } from "./PointText";
import { nearestPoint, type Point } from "./points";

/** A plot whose points open their pictures, by the pointer and by keys. */
export function PlotChart({ run, plot }: { run: Run; plot: Plot }) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useSignal<uPlot | null>(null);
  const redraws = useSignal(0);
  const active = useSignal(-1);
  const { points, view } = plot;
  const upwards = useMemo(() => points.map((_, at) => at).sort((a, b) => (points[a]?.y ?? 0) - (points[b]?.y ?? 0)), [points]);
  useEffect(() => {
    if (!place.current) return;
    active.value = -1;
    return kept(plot, place.current, drawn, () => redraws.value++);
  }, [plot]);
  const placeOf = (point: Point) => ({
    left: drawn.value?.valToPos(point.x, "x") ?? 0,
    top: drawn.value?.valToPos(point.y, "y") ?? 0,
  });
  const ring = useComputed(() => {
    const point = points[active.value];
    if (!point || !drawn.value || redraws.value < 0) return null;
    const { offsetLeft, offsetTop } = drawn.value.over;
    const { left, top } = placeOf(point);
    return px({ left: left + offsetLeft, top: top + offsetTop });
  });
  const open = () => {
    const cell = points[active.value]?.cells[0];
    if (cell !== undefined) change({ open: run.id(cell) });
  };
  const point = (event: PointerEvent | MouseEvent) => {
    const box = drawn.value?.over.getBoundingClientRect();
    if (!box) return;
    active.value = nearestPoint(points, placeOf, { left: event.clientX - box.left, top: event.clientY - box.top }, 24);
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter") open();
    else {
      const to = stepped(event.key, active.value, upwards);
      if (to === null) return;
      active.value = to;
    }
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
        data-cell={points[active.value]?.cells[0]}
        onPointerMove={point}
        onClick={(event) => {
          point(event);
          open();
        }}
        onKeyDown={press}
      >
        <div ref={place} />
        {ring.value && <span class="plot-ring" style={ring.value} />}
      </div>
      <PointText run={run} view={view} point={points[active.value]} />
    </div>
  );
}

/** Draws the plot, and keeps it as wide as its place and in the colours of the page. Returns what removes it. */
function kept(plot: Plot, place: HTMLElement, drawn: { value: uPlot | null }, tell: () => void): () => void {
  const made = drawPlot(plot, place);
  drawn.value = made;
  (made.hooks.draw ??= []).push(tell);
  const observer = new ResizeObserver(() => {
    if (place.clientWidth !== made.width) made.setSize({ width: place.clientWidth, height: made.height });
  });
  observer.observe(place);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => made.redraw(false);
  scheme.addEventListener("change", redraw);
  return () => {
    scheme.removeEventListener("change", redraw);
    observer.disconnect();
    made.destroy();
    drawn.value = null;
  };
}
