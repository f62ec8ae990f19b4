import { useMemo } from "preact/hooks";
import type { Run } from "../data/run";
import { Cell, type CellProps } from "./Cell";
import { groupAt } from "./groups";
import { Heading } from "./Heading";
import { sum, type Layout } from "./layout";
import type { Pivot, Place } from "./pivot";
import { px } from "../shared/px";

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
}

export function Row(props: RowProps) {
  const { run, pivot, layout, row, columns } = props;
  const { cell, left, top } = layout;
  return (
    <div
      class="grid-row"
      role="row"
      aria-rowindex={pivot.columns.axes.length + row + 1}
      style={px({ top: top + row * cell.height, height: cell.height, width: left + pivot.columns.lines.length * cell.width })}
    >
      <RowHeadings {...props} />
      {Array.from(columns, ([column, slot]) => (
        <Kept
          key={slot}
          run={run}
          pivot={pivot}
          layout={layout}
          row={row}
          column={column}
          active={props.active?.column === column ? props.active.inside : -1}
        />
      ))}
    </div>
  );
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
        span={group.span}
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
