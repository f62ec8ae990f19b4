/** What is printed: a table of what is in the window, since pages of paper do not scroll. */

import { render } from "preact";
import type { Run } from "../data/run";
import { run } from "../state/view";
import { groupsOver } from "./groups";
import { linesInWindow, mosaicColumns } from "./geometry";
import type { Layout } from "./layout";
import { cellAt, type Pivot } from "./pivot";
import { Breakable } from "../shared/Breakable";
import { px } from "../shared/px";

/** in CSS pixels, of the names of rows on one axis */
const WIDEST_NAME = 144;
/** of those on all axes, so that pictures have more than half of the paper */
const NAMES = 280;
/** beside a picture: its cell's borders and paddings */
const AROUND = 9;

interface Shown {
  pivot: Pivot;
  layout: Layout;
  scroller: () => HTMLElement | null;
}

let latest: Shown | null = null;

/** Must be called whenever the grid is drawn. */
export function willPrint(shown: Shown): void {
  latest = shown;
}

export function followPrinting(): void {
  const paper = document.createElement("div");
  paper.className = "paper";
  window.addEventListener("beforeprint", () => {
    const window = latest?.scroller();
    if (!latest || !window || !run.value) return;
    const { pivot, layout } = latest;
    const { cell, left, top } = layout;
    const rows = linesInWindow(window.scrollTop, window.clientHeight - top, cell.height, pivot.rows.lines.length);
    const columns = linesInWindow(window.scrollLeft, window.clientWidth - left, cell.width, pivot.columns.lines.length);
    document.body.append(paper);
    render(<Table run={run.value} pivot={pivot} layout={layout} rows={rows} columns={columns} />, paper);
  });
  window.addEventListener("afterprint", () => {
    render(null, paper);
    paper.remove();
  });
}

interface TableProps {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  rows: readonly number[];
  columns: readonly number[];
}

function Table({ run, pivot, layout, rows, columns }: TableProps) {
  const { axes } = pivot.rows;
  const name = Math.min(WIDEST_NAME, NAMES / axes.length);
  const width = axes.length * name + columns.length * (layout.cell.width + AROUND);
  return (
    <table style={{ width: `min(100%, ${width}px)` }}>
      <colgroup>
        {axes.map((axis) => (
          <col key={axis.name} style={px({ width: name })} />
        ))}
      </colgroup>
      <thead>
        {pivot.columns.axes.map((axis, level) => (
          <tr key={axis.name}>
            {level === 0 && axes.length > 0 && <td colSpan={axes.length} rowSpan={pivot.columns.axes.length} />}
            {groupsOver(pivot.columns.groups[level] ?? [], columns).map(({ start, span, value }) => (
              <th key={start} scope="colgroup" dir="auto" colSpan={shared(columns, start, span)}>
                <Breakable text={axis.values[value]?.title ?? ""} />
              </th>
            ))}
          </tr>
        ))}
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row}>
            <RowHeads pivot={pivot} rows={rows} row={row} />
            {columns.map((column) => (
              <td key={column}>
                <Pictures run={run} pivot={pivot} layout={layout} row={row} column={column} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function RowHeads({ pivot, rows, row }: { pivot: Pivot; rows: readonly number[]; row: number }) {
  return pivot.rows.axes.map((axis, level) => {
    const [group] = groupsOver(pivot.rows.groups[level] ?? [], [row]);
    if (!group) return null;
    const { start, span, value } = group;
    // It is in the first of its rows that is printed.
    if (rows.some((other) => other >= start && other < row)) return null;
    return (
      <th key={axis.name} scope="rowgroup" dir="auto" rowSpan={shared(rows, start, span)}>
        <Breakable text={axis.values[value]?.title ?? ""} />
      </th>
    );
  });
}

interface PicturesProps {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  row: number;
  column: number;
}

function Pictures({ run, pivot, layout, row, column }: PicturesProps) {
  const count = pivot.inside.lines.length;
  const { width, height } = layout.picture;
  const style = { aspectRatio: `${width} / ${height}` };
  return (
    <div class="paper-cell" style={{ gridTemplateColumns: `repeat(${mosaicColumns(count)}, 1fr)` }}>
      {Array.from({ length: count }, (_, inside) => {
        const cell = cellAt(pivot, { row, column, inside });
        const source = cell === undefined ? null : run.thumb(cell);
        if (source !== null) return <img key={inside} src={source} alt="" style={style} />;
        const why = cell === undefined ? "" : (run.reason(cell) ?? "not there yet");
        return <span key={inside} dir="auto" style={style}>{why}</span>;
      })}
    </div>
  );
}

/** How many of the lines a heading is over. */
function shared(lines: readonly number[], start: number, span: number): number {
  return lines.filter((line) => line >= start && line < start + span).length;
}
