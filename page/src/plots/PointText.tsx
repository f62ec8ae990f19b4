import type { Run } from "../data/run";
import { digits } from "../shared/digits";
import { notesOf } from "../overlay/notes";
import type { PlotView } from "../state/plot";
import { titleOf } from "../viewer/settings";
import type { Point } from "./points";

/** The point under the pointer or the keys: its picture, settings and numbers. */
export function PointText({ run, view, point }: { run: Run; view: PlotView; point: Point | undefined }) {
  const [cell] = point?.cells ?? [];
  const thumb = cell === undefined ? null : run.thumb(cell);
  return (
    <div class="point-text">
      {thumb !== null && <img src={thumb} alt="" />}
      <output dir="auto">
        {point && cell !== undefined
          ? [`${view.x} ${digits(point.x)}, ${view.y} ${digits(point.y)}`, ofWhat(run, point, cell), ...notesOf(run, cell)].join(" · ")
          : "A click on a point opens its picture."}
      </output>
    </div>
  );
}

function ofWhat(run: Run, { cells }: Point, cell: number): string {
  const title = titleOf(run, cell);
  return cells.length > 1 ? `mean of ${cells.length} pictures, the first is ${title}` : title;
}
