import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Run } from "../data/run";
import { CellMarks } from "../marks/Marks";
import { notesOf } from "../overlay/notes";
import { Overlay } from "../overlay/Overlay";
import { largestPicture } from "./shown";
import { isFast } from "./speed";
import { needsPicture } from "./geometry";
import type { Layout } from "./layout";
import type { Place } from "./pivot";
import { px } from "../shared/px";

/** the longest side of pictures in which words fit, in CSS pixels */
export const SMALL = 72;

interface PictureProps {
  run: Run;
  layout: Layout;
  /** undefined: the run has no cell with these values */
  cell: number | undefined;
  place: Place;
  /** whether it has the focus, or gets it by Tab */
  isActive: boolean;
  left: number;
  top: number;
}

/** One picture of the grid with what is drawn over it, or why there is none. `pointing` has what a click does. */
export function Picture({ run, layout, cell, place, isActive, left, top }: PictureProps) {
  const { row, column, inside } = place;
  return (
    <div
      class="grid-picture"
      data-cell={cell}
      data-at={`${row} ${column} ${inside}`}
      style={px({ left, top, width: layout.picture.width, height: layout.picture.height })}
    >
      <button
        type="button"
        class={`state-${cell === undefined ? "none" : run.state(cell)}`}
        aria-label={cell === undefined ? "no cell" : [nameOf(run, cell), ...notesOf(run, cell)].join(", ")}
        tabIndex={isActive ? 0 : -1}
        data-active={isActive || undefined}
        style={{ backgroundColor: (cell !== undefined && run.colour(cell)) || undefined }}
      >
        {cell !== undefined && <Content run={run} cell={cell} zoom={layout.zoom} at={`${row} ${column}`} />}
      </button>
      {cell !== undefined && <Overlay run={run} cell={cell} />}
      {cell !== undefined && <CellMarks run={run} cell={cell} />}
    </div>
  );
}

/** The picture of a cell, or why there is none. zoom: its longest side in CSS pixels; at: its place, where that changes. */
export function Content({ run, cell, zoom, at = "" }: { run: Run; cell: number; zoom: number; at?: string }) {
  const [missing, setMissing] = useState("");
  if (run.state(cell) === "failed") return <Reason zoom={zoom} sign="!" text={run.reason(cell) ?? ""} />;
  const thumb = run.thumb(cell);
  const picture = needsPicture(largestPicture.value, zoom) ? run.picture(cell) : null;
  const source = picture !== null && picture !== missing ? picture : thumb;
  if (source === null) return <Reason zoom={zoom} sign="…" text="not there yet" />;
  const width = run.field(cell, "width");
  const height = run.field(cell, "height");
  const isEnlarged = typeof width === "number" && typeof height === "number" && zoom > Math.max(width, height);
  return <Loaded at={at} source={source} isEnlarged={isEnlarged} onMissing={() => setMissing(source)} />;
}

/** Why there is no picture; as a sign where a picture is too small for words. */
function Reason({ zoom, sign, text }: { zoom: number; sign: string; text: string }) {
  return <span class="reason" dir="auto">{zoom < SMALL ? sign : text}</span>;
}

/**
 * A picture file. While another one for the same place loads, the last one stays; that of another place is hidden
 * until `showLoaded`.
 */
function Loaded(props: { source: string; at: string; isEnlarged: boolean; onMissing: () => void }) {
  const element = useRef<HTMLImageElement>(null);
  const loaded = useRef<string | undefined>(undefined);
  if (!isFast.value) loaded.current = props.source;
  useLayoutEffect(() => {
    const image = element.current;
    if (image) image.style.visibility = image.complete && loaded.current === props.source ? "" : "hidden";
  }, [props.at]);
  return (
    <img
      ref={element}
      src={loaded.current}
      alt=""
      decoding="async"
      draggable={false}
      class={props.isEnlarged ? "enlarged" : undefined}
      onError={props.onMissing}
    />
  );
}

/** For an element with pictures in it. */
export const showLoaded = {
  onLoadCapture: ({ target }: Event): void => {
    if (target instanceof HTMLImageElement) target.style.visibility = "";
  },
};

/** The cell in words: its values of all axes (the name of the run where it has none), and why it has no picture. */
export function nameOf(run: Run, cell: number): string {
  const values = run.head.axes.map((axis) => axis.values[run.value(cell, axis.name)]?.title ?? "");
  const name = values.join(", ") || run.head.name;
  const state = run.state(cell);
  if (state === "waiting") return `${name}: not there yet`;
  return state === "failed" ? `${name}: failed, ${run.reason(cell) ?? ""}` : name;
}
