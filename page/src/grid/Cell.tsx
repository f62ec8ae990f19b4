import type { Run } from "../data/run";
import { mosaicColumns, GAP } from "./geometry";
import type { Layout } from "./layout";
import { Picture } from "./Picture";
import { cellAt, type Pivot } from "./pivot";
import { px } from "../shared/px";

export interface CellProps {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  row: number;
  column: number;
  /** the picture that has the focus; -1 where none has */
  active: number;
  /** the pictures that have elements, where not all have */
  only?: readonly number[] | undefined;
}

/** The pictures of one row and column: one, or a mosaic. */
export function Cell({ run, pivot, layout, row, column, active, only }: CellProps) {
  const count = pivot.inside.lines.length;
  const across = mosaicColumns(count);
  const { cell, left, picture } = layout;
  return (
    <div
      class="cell"
      role="gridcell"
      aria-colindex={pivot.rows.axes.length + column + 1}
      style={px({ left: left + column * cell.width, width: cell.width })}
    >
      {(only ?? Array.from({ length: count }, (_, inside) => inside)).map((inside) => (
        <Picture
          key={inside}
          run={run}
          layout={layout}
          cell={cellAt(pivot, { row, column, inside })}
          place={{ row, column, inside }}
          isActive={inside === active}
          left={(inside % across) * (picture.width + GAP)}
          top={Math.floor(inside / across) * (picture.height + GAP)}
        />
      ))}
    </div>
  );
}
