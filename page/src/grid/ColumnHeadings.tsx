import { groupsOver } from "./groups";
import { Heading } from "./Heading";
import { sum, type Layout } from "./layout";
import { cornerTexts, isTurned } from "./measure";
import type { Pivot } from "./pivot";
import { px } from "../shared/px";

/** The headings of all columns that are in the document, one row for each axis; they stay at the top of the window. */
export function ColumnHeadings(props: { pivot: Pivot; layout: Layout; columns: readonly number[] }) {
  const { pivot, layout, columns } = props;
  const { axes } = pivot.columns;
  return (
    <div class="column-headings" role="rowgroup" style={px({ height: layout.top })}>
      {axes.map((axis, level) => (
        <div key={axis.name} class="heading-row" role="row" aria-rowindex={level + 1} style={px({ height: layout.headings.heights[level] ?? 0 })}>
          <Corner pivot={pivot} layout={layout} level={level} />
          {groupsOver(pivot.columns.groups[level] ?? [], columns).map(({ start, span, value }) => (
            <Heading
              key={start}
              axis={axis}
              value={value}
              place={{ row: level - axes.length, column: start, inside: 0 }}
              turned={isTurned(span * layout.cell.width)}
              role="columnheader"
              index={pivot.rows.axes.length + start + 1}
              span={span}
              style={px({ left: layout.left + start * layout.cell.width, width: span * layout.cell.width })}
              textStyle={px({ left: layout.left })}
            />
          ))}
        </div>
      ))}
    </div>
  );
}

/** Names the axes of the headings beside it. */
function Corner(props: { pivot: Pivot; layout: Layout; level: number }) {
  const { rows, columns } = props.pivot;
  const isLast = props.level === columns.axes.length - 1;
  if (!rows.axes.length) return null;
  const [beside, below] = cornerTexts(rows, columns.axes[props.level]?.label ?? "");
  return (
    <div class="corner" role="columnheader" aria-colindex={1} aria-colspan={rows.axes.length} style={px({ width: sum(props.layout.headings.widths) })}>
      <span class="corner-columns" dir="auto">{beside}</span>
      {isLast && <span class="corner-rows" dir="auto">{below}</span>}
    </div>
  );
}
