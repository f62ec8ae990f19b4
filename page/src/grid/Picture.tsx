import { useState } from "preact/hooks";
import type { Run } from "../data/run";
import { Marks } from "../marks/Marks";
import { notesOf } from "../overlay/notes";
import { Overlay } from "../overlay/Overlay";
import { change } from "../state/view";
import { largestPicture, active, moveTo } from "./shown";
import { needsPicture } from "./geometry";
import type { Layout } from "./layout";
import type { Place } from "./pivot";
import { px } from "./px";

interface PictureProps {
  run: Run;
  layout: Layout;
  /** undefined: the run has no cell with these values */
  cell: number | undefined;
  place: Place;
  left: number;
  top: number;
}

/** One picture of the grid with what is drawn over it, or why there is none. */
export function Picture({ run, layout, cell, place, left, top }: PictureProps) {
  const { row, column, inside } = active.value;
  const isActive = place.row === row && place.column === column && place.inside === inside;
  const open = () => {
    moveTo(place, false);
    if (cell !== undefined && run.state(cell) !== "waiting") change({ open: run.id(cell) });
  };
  const name = cell === undefined ? "no cell" : [nameOf(run, cell), ...notesOf(run, cell)].join(", ");
  return (
    <div class="picture" data-cell={cell} style={px({ left, top, ...layout.picture })}>
      <button
        type="button"
        class={`state-${cell === undefined ? "none" : run.state(cell)}`}
        aria-label={name}
        title={name}
        tabIndex={isActive ? 0 : -1}
        data-active={isActive || undefined}
        style={{ backgroundColor: (cell !== undefined && run.colour(cell)) || undefined }}
        onClick={open}
        onFocus={() => {
          if (!isActive) moveTo(place, false);
        }}
      >
        {cell !== undefined && <Content run={run} cell={cell} zoom={layout.zoom} />}
      </button>
      {cell !== undefined && <Overlay run={run} cell={cell} />}
      {cell !== undefined && <Marks run={run} cell={cell} />}
    </div>
  );
}

/** The picture of a cell, or why there is none. zoom: its longest side in CSS pixels. */
export function Content({ run, cell, zoom }: { run: Run; cell: number; zoom: number }) {
  const [missing, setMissing] = useState("");
  if (run.state(cell) === "failed") return <span class="reason" dir="auto">{run.reason(cell)}</span>;
  const thumb = run.thumb(cell);
  const picture = needsPicture(largestPicture.value, zoom) ? run.picture(cell) : null;
  const source = picture !== null && picture !== missing ? picture : thumb;
  if (source === null) return <span class="reason">not there yet</span>;
  const width = run.field(cell, "width");
  const height = run.field(cell, "height");
  const isEnlarged = typeof width === "number" && typeof height === "number" && zoom > Math.max(width, height);
  return <img src={source} alt="" decoding="async" draggable={false} class={isEnlarged ? "enlarged" : undefined} onError={() => setMissing(source)} />;
}

/** The cell in words: its values of all axes, and why it has no picture. */
export function nameOf(run: Run, cell: number): string {
  const values = run.head.axes.map((axis) => axis.values[run.value(cell, axis.name)]?.title ?? "");
  const state = run.state(cell);
  if (state === "waiting") return `${values.join(", ")}: not there yet`;
  return state === "failed" ? `${values.join(", ")}: failed, ${run.reason(cell) ?? ""}` : values.join(", ");
}
