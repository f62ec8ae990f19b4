/** The picture, alone or with the reference: a wipe, their difference, or side by side. */

import { useRef, useState } from "preact/hooks";
import type { Run } from "../data/run";
import { view } from "../state/view";
import { halves, isEnlarged, shownSize, type Size } from "./layout";
import { Picture } from "./Picture";
import { titleOf } from "./settings";
import { useSize } from "./useSize";
import { Viewport } from "./Viewport";
import { WipeHandle } from "./WipeHandle";

const GAP = 8;

interface Props {
  run: Run;
  cell: number;
  /** the address of the picture; null where there is none */
  source: string | null;
  /** the reference, where it is compared with */
  reference: { title: string; source: string } | null;
  onPicture: (source: string) => void;
}

export function Stage({ run, cell, source, reference, onPicture }: Props) {
  const stage = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const second = useRef<HTMLDivElement>(null);
  const place = useSize(stage);
  const [size, setSize] = useState<Size>(() => recordedSize(run, cell) ?? { width: 512, height: 512 });

  const { compare, large } = view.value;
  const way = reference ? compare : "none";
  const isSide = way === "side";
  const half = place && halves(place, size, GAP);
  const own = isSide ? half?.place : place;
  const shown = own && shownSize(size, own, large.scale, devicePixelRatio);
  const look = shown && isEnlarged(size, shown, devicePixelRatio) ? "enlarged" : "";
  const onShown = (of: string, found: Size | null) => {
    // Of the cell whose picture that is; the open one may be another by now.
    if (found) setSize(recordedSize(run, cell) ?? found);
    onPicture(of);
  };
  const other = reference && (
    <Picture
      class="reference"
      source={reference.source}
      title={`Reference: ${reference.title}`}
      style={way === "wipe" ? { clipPath: `inset(0 ${100 - large.split}% 0 0)` } : {}}
    />
  );
  return (
    <div
      class={`stage ${isSide && half?.isRow === false ? "above" : ""}`}
      ref={stage}
      tabIndex={0}
      role="group"
      aria-label="Picture"
      onKeyDown={(event) => event.shiftKey && moveBy(event, frame.current)}
    >
      {own && shown && source !== null && (
        <Viewport
          frame={frame}
          other={second}
          place={own}
          shown={shown}
          boxClass={`${way} ${look}`}
          filter={way === "difference" ? `brightness(${large.gain})` : undefined}
        >
          <Picture source={source} title={titleOf(run, cell)} onShown={onShown} />
          {!isSide && other}
          {way === "wipe" && <WipeHandle onDone={() => stage.current?.focus()} />}
        </Viewport>
      )}
      {own && shown && source !== null && isSide && (
        <Viewport frame={second} other={frame} place={own} shown={shown} boxClass={look}>
          {other}
        </Viewport>
      )}
      {source === null && <NoPicture run={run} cell={cell} />}
    </div>
  );
}

function NoPicture({ run, cell }: { run: Run; cell: number }) {
  const reason = run.reason(cell);
  if (reason === null) return <p class="missing">This picture is not there yet.</p>;
  return (
    <p class="missing failed" dir="auto">
      {reason}
    </p>
  );
}

function recordedSize(run: Run, cell: number): Size | null {
  const [width, height] = [run.field(cell, "width"), run.field(cell, "height")];
  return typeof width === "number" && typeof height === "number" ? { width, height } : null;
}

const MOVES: Record<string, [number, number] | undefined> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Moves an enlarged picture by an arrow key. */
function moveBy(event: KeyboardEvent, frame: HTMLElement | null): void {
  const move = MOVES[event.key];
  if (!move || !frame) return;
  event.preventDefault();
  event.stopPropagation();
  frame.scrollBy(move[0] * 80, move[1] * 80);
}
