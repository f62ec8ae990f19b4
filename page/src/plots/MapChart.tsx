import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { PhaseMap } from "../data/types";
import type { Run } from "../data/run";
import { digits } from "../shared/digits";
import { change } from "../state/view";
import { titleOf } from "../viewer/settings";
import { CellText, NO_POINT } from "./PointText";
import { beside, kindsOf, pathOf, placeOf, PLANE, settingsAt, SIZE, ticksOf } from "./map";
import { nearest } from "./points";
import { lookOf, outlineOf } from "./shapes";

/** How far from a point the pointer may be, in pixels of the drawing. */
const REACH = 30;
const RADIUS = 4;

/** The plane with its regions and pictures; a click, or Enter, opens the picture that is nearest. */
export function MapChart({ run, map }: { run: Run; map: PhaseMap }) {
  const active = useSignal(-1);
  const places = useMemo(() => map.points.map(({ x, y }) => placeOf(map, x, y)), [map]);
  const drawn = useMemo(() => <Plane map={map} />, [map]);
  const point = map.points[active.value];
  const ring = places[active.value];
  const open = () => {
    if (point) change({ open: run.id(point.cell) });
  };
  const at = (event: MouseEvent): number => {
    const box = event.currentTarget instanceof Element ? event.currentTarget.getBoundingClientRect() : null;
    if (!box) return -1;
    const scale = SIZE.width / box.width;
    return nearest(places, { left: (event.clientX - box.left) * scale, top: (event.clientY - box.top) * scale }, REACH);
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const to = beside(places, active.value, event.key);
    if (event.key === "Enter") open();
    else if (to !== null) active.value = to;
    else return;
    event.preventDefault();
  };
  const says = point ? [settingsAt(map, point), `kind ${point.kind + 1}`, titleOf(run, point.cell)] : [NO_POINT];
  return (
    <div class="plot-chart">
      <svg
        class="plot-place map-plane"
        viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
        role="application"
        aria-roledescription="map"
        aria-label={`Phase map: ${map.up.label} over ${map.across.label}, ${map.points.length} pictures of ${kindsOf(map).length} kinds. Arrows go from picture to picture, Enter opens it.`}
        tabindex={0}
        data-cell={point?.cell}
        onPointerMove={(event) => void (active.value = at(event))}
        onClick={(event) => {
          const cell = map.points[at(event)]?.cell;
          if (cell !== undefined) change({ open: run.id(cell) });
        }}
        onKeyDown={press}
      >
        {drawn}
        {ring && <circle class="map-ring" cx={ring.left} cy={ring.top} r="8" />}
      </svg>
      <CellText run={run} cell={point?.cell} says={says} />
    </div>
  );
}

/** Regions, boundaries, pictures and the numbers at both sides. */
function Plane({ map }: { map: PhaseMap }) {
  const [bottom, right] = [PLANE.top + PLANE.height, PLANE.left + PLANE.width];
  return (
    <g aria-hidden="true">
      {kindsOf(map).map((kind) => (
        <path key={kind} class="region" d={pathOf(map, kind)} fill={`var(${lookOf(kind).colour})`} />
      ))}
      <path class="boundary" d={pathOf(map, null)} />
      <rect class="frame" x={PLANE.left} y={PLANE.top} width={PLANE.width} height={PLANE.height} />
      {kindsOf(map).map((kind) => (
        <path key={kind} class="pictures" d={dotsOf(map, kind)} fill={`var(${lookOf(kind).colour})`} />
      ))}
      {ticksOf(map.across).map((tick) => (
        <text key={tick} x={placeOf(map, tick, map.up.low).left} y={bottom + 16} text-anchor="middle">{digits(tick)}</text>
      ))}
      {ticksOf(map.up).map((tick) => (
        <text key={tick} x={PLANE.left - 6} y={placeOf(map, map.across.low, tick).top + 4} text-anchor="end">{digits(tick)}</text>
      ))}
      <text x={(PLANE.left + right) / 2} y={SIZE.height - 6} text-anchor="middle">{map.across.label}</text>
      <text transform={`translate(12 ${(PLANE.top + bottom) / 2}) rotate(-90)`} text-anchor="middle">{map.up.label}</text>
    </g>
  );
}

function dotsOf(map: PhaseMap, kind: number): string {
  const places = map.points.filter((point) => point.kind === kind).map(({ x, y }) => placeOf(map, x, y));
  return places.map(({ left, top }) => outlineOf(lookOf(kind).shape, left, top, RADIUS)).join("");
}
