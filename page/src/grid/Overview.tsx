/** The cells of a grid in which there are too many for elements of their own: painted on one canvas. */

import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Run } from "../data/run";
import { marked } from "../marks/store";
import { drawn } from "../overlay/metric";
import { GAP, mosaicColumns } from "./geometry";
import type { Layout } from "./layout";
import { moved } from "./move";
import { paintCell, type Brush } from "./paint";
import { cellAt, type Pivot, type Place } from "./pivot";
import { openAt } from "./pointing";
import { px } from "../shared/px";
import { moveTo } from "./shown";
import { isFast } from "./speed";
import { Thumbnails } from "./thumbnails";

/** As many pictures at most have elements of their own. */
export const MOST = 600;

/** The place that the pointer is over. */
const hovered = signal<Place | null>(null);

/** The places that have elements in an overview: that of the focus, those to which an arrow leads, and the pointer's. */
export function elementsOf(pivot: Pivot, active: Place): Place[] {
  const arrows = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  const around = arrows.map((key) => moved(pivot, active, { key, ctrlKey: false, page: 1 }));
  const all = [active, ...around, hovered.value].filter((place) => place !== null && place.row >= 0 && place.column >= 0);
  const isIn = ({ row, column }: Place) => row < pivot.rows.lines.length && column < pivot.columns.lines.length;
  const distinct = new Map((all as Place[]).filter(isIn).map((place) => [Object.values(place).join(), place]));
  return [...distinct.values()];
}

interface OverviewProps {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  /** next to each other */
  rows: readonly number[];
  columns: readonly number[];
}

export function Overview(props: OverviewProps) {
  const { run, pivot, layout, rows, columns } = props;
  const { cell, left, top, picture } = layout;
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = { width: columns.length * cell.width, height: rows.length * cell.height };
  const scale = devicePixelRatio;
  const come = useRef<() => void>(() => undefined);
  const thumbnails = useMemo(
    () => new Thumbnails(picture.width * scale, picture.height * scale, () => come.current()),
    [picture.width, picture.height, scale],
  );
  useEffect(() => () => thumbnails.close(), [thumbnails]);
  const [metric, marks, fast] = [drawn.value, marked.value, isFast.value];
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const draw = () => {
      paint({ context, run, thumbnails, metric, marked: marks, colours: coloursOf(context.canvas) }, props, scale);
    };
    let frame = 0;
    come.current = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(draw);
    };
    draw();
    if (!fast) thumbnails.want(new Set(placesOf(props).flatMap(({ place }) => thumbOf(run, pivot, place) ?? [])));
    return () => cancelAnimationFrame(frame);
  });
  const first = { row: rows[0] ?? 0, column: columns[0] ?? 0 };
  return (
    <canvas
      class="overview"
      ref={canvas}
      aria-hidden="true"
      width={Math.round(size.width * scale)}
      height={Math.round(size.height * scale)}
      style={px({ left: left + first.column * cell.width, top: top + first.row * cell.height, ...size })}
      onPointerMove={(event) => {
        const place = event.pointerType === "touch" ? null : placeAt(props, event);
        if (String(Object.values(place ?? {})) !== String(Object.values(hovered.value ?? {}))) hovered.value = place;
      }}
      onClick={(event) => {
        const place = placeAt(props, event);
        if (!place) return;
        moveTo(place, false);
        openAt(run, cellAt(pivot, place));
      }}
    />
  );
}

function thumbOf(run: Run, pivot: Pivot, place: Place): string | null {
  const cell = cellAt(pivot, place);
  return cell === undefined ? null : run.thumb(cell);
}

function paint(brush: Brush, props: OverviewProps, scale: number): void {
  const { context } = brush;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { place, x, y } of placesOf(props)) {
    const cell = cellAt(props.pivot, place);
    if (cell !== undefined) paintCell(brush, cell, { x, y, ...props.layout.picture });
  }
}

/** All places of the canvas, and where they are on it. */
function placesOf({ pivot, layout, rows, columns }: OverviewProps): { place: Place; x: number; y: number }[] {
  const { cell, picture } = layout;
  const count = pivot.inside.lines.length;
  const across = mosaicColumns(count);
  return rows.flatMap((row, down) =>
    columns.flatMap((column, right) =>
      Array.from({ length: count }, (_, inside) => ({
        place: { row, column, inside },
        x: GAP / 2 + right * cell.width + (inside % across) * (picture.width + GAP),
        y: GAP / 2 + down * cell.height + Math.floor(inside / across) * (picture.height + GAP),
      })),
    ),
  );
}

/** The place of the picture that is at a point; null between pictures. */
function placeAt({ pivot, layout, rows, columns }: OverviewProps, { offsetX, offsetY }: MouseEvent): Place | null {
  const { cell, picture } = layout;
  const row = rows[Math.floor(offsetY / cell.height)];
  const column = columns[Math.floor(offsetX / cell.width)];
  if (row === undefined || column === undefined) return null;
  const across = mosaicColumns(pivot.inside.lines.length);
  const x = Math.floor((offsetX % cell.width) / (picture.width + GAP));
  const y = Math.floor((offsetY % cell.height) / (picture.height + GAP));
  const inside = y * across + x;
  return x < across && inside < pivot.inside.lines.length ? { row, column, inside } : null;
}

/** A canvas takes no variables of CSS: these are in properties of it that it does not use otherwise. */
function coloursOf(canvas: HTMLCanvasElement): Brush["colours"] {
  const { color, outlineColor, backgroundColor, columnRuleColor } = getComputedStyle(canvas);
  return { faint: color, bad: outlineColor, ground: backgroundColor, change: columnRuleColor };
}
