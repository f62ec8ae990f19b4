import { useMemo, useRef } from "preact/hooks";
import type { Run } from "../data/run";
import { Cell, type CellProps } from "./Cell";
import { groupAt } from "./groups";
import { Heading } from "./Heading";
import { sum, type Layout } from "./layout";
import { cellAt, type Pivot, type Place } from "./pivot";
import { px } from "../shared/px";
import { isFast } from "./speed";

interface RowProps {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  row: number;
  /** the row before it in the document */
  before: number;
  /** that are in the document, with the numbers of their elements */
  columns: ReadonlyMap<number, number>;
  /** the place that has the focus, where it is in this row */
  active: Place | null;
  /** of an overview, the places that have elements; null where all have */
  only: readonly Place[] | null;
}

/** While the grid is scrolled fast, elements of cells stay as they are, and the row has the colours of its pictures. */
export function Row(props: RowProps) {
  const { pivot, layout, row } = props;
  const { cell, left, top } = layout;
  const drawn = useRef(props);
  const isLate = isFast.value && !props.only && (drawn.current.row !== row || drawn.current.columns !== props.columns);
  if (!isLate) drawn.current = props;
  const place = px({ top: top + row * cell.height, height: cell.height, width: left + pivot.columns.lines.length * cell.width });
  return (
    <div
      class={isLate ? "grid-row late" : "grid-row"}
      role="row"
      aria-rowindex={pivot.columns.axes.length + row + 1}
      style={isLate ? { ...place, background: coloursOf(props) } : place}
    >
      <RowHeadings {...props} />
      {props.only ? <Few {...props} only={props.only} /> : <Cells {...drawn.current} />}
    </div>
  );
}

function Cells({ run, pivot, layout, row, columns, active }: RowProps) {
  return useMemo(
    () =>
      Array.from(columns, ([column, slot]) => (
        <Kept
          key={slot}
          run={run}
          pivot={pivot}
          layout={layout}
          row={row}
          column={column}
          active={active?.column === column ? active.inside : -1}
        />
      )),
    [run, pivot, layout, row, columns, active],
  );
}

function Few({ run, pivot, layout, row, active, only }: RowProps & { only: readonly Place[] }) {
  const columns = [...new Set(only.filter((place) => place.row === row).map(({ column }) => column))];
  return columns.map((column) => (
    <Cell
      key={column}
      run={run}
      pivot={pivot}
      layout={layout}
      row={row}
      column={column}
      active={active?.column === column ? active.inside : -1}
      only={only.filter((place) => place.row === row && place.column === column).map(({ inside }) => inside)}
    />
  ));
}

/** The average colours of the first pictures of cells, as a background. */
function coloursOf({ run, pivot, layout, row, columns }: RowProps): string {
  const stops = [...columns.keys()]
    .sort((a, b) => a - b)
    .map((column) => {
      const cell = cellAt(pivot, { row, column, inside: 0 });
      const start = layout.left + column * layout.cell.width;
      const colour = cell === undefined ? null : run.colour(cell);
      return `${colour ?? "transparent"} ${start}px ${start + layout.cell.width}px`;
    });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** A cell that is drawn again only when its own properties change. */
function Kept({ run, pivot, layout, row, column, active }: CellProps) {
  return useMemo(
    () => <Cell run={run} pivot={pivot} layout={layout} row={row} column={column} active={active} />,
    [run, pivot, layout, row, column, active],
  );
}

/** Headings are in the first of their rows that is in the document, and stay at the left of the window. */
function RowHeadings({ pivot, layout, row, before }: RowProps) {
  const { axes, groups } = pivot.rows;
  const headings = axes.map((axis, level) => {
    const group = groupAt(groups[level] ?? [], row);
    if (!group || group.start <= before) return null;
    return (
      <Heading
        key={level}
        axis={axis}
        value={group.value}
        place={{ row: group.start, column: level - axes.length, inside: 0 }}
        role="rowheader"
        index={level + 1}
        span={group.start + group.span - row}
        style={px({
          left: sum(layout.headings.widths.slice(0, level)),
          top: (group.start - row) * layout.cell.height,
          width: layout.headings.widths[level] ?? 0,
          height: group.span * layout.cell.height,
        })}
        textStyle={px({ top: layout.top })}
      />
    );
  });
  return (
    <div class="row-headings" style={px({ width: layout.left })}>
      {headings}
    </div>
  );
}
