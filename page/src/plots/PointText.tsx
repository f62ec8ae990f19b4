import type { Run } from "../data/run";
import { notesOf } from "../overlay/notes";
import { digits } from "../shared/digits";
import { titleOf } from "../viewer/settings";
import type { Plot } from "./draw";
import type { Point } from "./points";

export const NO_POINT = "A click on a point opens its picture.";

/** The point under the pointer or the keys: its picture, settings and numbers. */
export function PointText({ run, plot, point }: { run: Run; plot: Plot; point: Point | undefined }) {
  const cell = point?.cells[0];
  const says = point && cell !== undefined ? [numbersOf(plot, point), ofWhat(run, point, cell)] : [NO_POINT];
  return <CellText run={run} cell={cell} says={says} />;
}

/** A small picture of a cell, with what is said of it. */
export function CellText({ run, cell, says }: { run: Run; cell: number | undefined; says: readonly string[] }) {
  const thumb = cell === undefined ? null : run.thumb(cell);
  const notes = cell === undefined ? [] : notesOf(run, cell);
  return (
    <div class="point-text">
      {thumb !== null && <img src={thumb} alt="" />}
      <output dir="auto">{[...says, ...notes].join(" · ")}</output>
    </div>
  );
}

function numbersOf({ view, categories }: Plot, { x, y }: Point): string {
  return `${view.x} ${categories?.[x] ?? digits(x)}, ${view.y} ${digits(y)}`;
}

function ofWhat(run: Run, { cells }: Point, cell: number): string {
  const title = titleOf(run, cell);
  return cells.length > 1 ? `mean of ${cells.length} pictures, the first is ${title}` : title;
}
