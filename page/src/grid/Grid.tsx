import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { KeysHelp } from "../shared/KeysHelp";
import type { Run } from "../data/run";
import { openCell, view } from "../state/view";
import { useAnchor } from "./anchor";
import { ColumnHeadings } from "./ColumnHeadings";
import { GRID_KEYS, hasHelp, pressed } from "./keys";
import { layOut, type Layout } from "./layout";
import { elementsOf, MOST, Overview } from "./Overview";
import { Nothing } from "./Nothing";
import { placeOf, type Pivot } from "./pivot";
import { showLoaded } from "./Picture";
import { pointing } from "./pointing";
import { willPrint } from "./print";
import { Row } from "./Row";
import { active, largestPicture, moveTo, moves, pivot, room } from "./shown";
import { useSlots } from "./slots";
import { useSpeed } from "./speed";
import { useRoom } from "./useRoom";
import { useLines } from "./virtual";
import { useCentre } from "./centre";
import { px } from "../shared/px";

/** All cells of the run by rows and columns; those near the window are in the document. */
export function Grid(props: { run: Run }) {
  const shown = pivot.value;
  const scroller = useRef<HTMLDivElement>(null);
  useRoom(scroller, room);
  const { width, height } = room.value;
  const layout = useMemo(
    () => shown && layOut(shown, largestPicture.value, view.value.zoom, { width, height }),
    [shown, largestPicture.value, view.value.zoom, width, height],
  );
  return (
    <div
      class="grid-window"
      ref={scroller}
      // What gets the focus is shown beside the headings, not beneath them.
      style={px({ scrollPaddingTop: layout?.top ?? 0, scrollPaddingLeft: layout?.left ?? 0 })}
    >
      {shown && layout && width > 0 && (
        <Lines run={props.run} pivot={shown} layout={layout} scroller={() => scroller.current} />
      )}
      {hasHelp.value && <KeysHelp keys={GRID_KEYS} onClose={() => void (hasHelp.value = false)} />}
    </div>
  );
}

interface LinesProps {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  scroller: () => HTMLElement | null;
}

function Lines({ run, pivot, layout, scroller }: LinesProps) {
  const { row, column } = active.value;
  const [down, across] = [pivot.rows.lines.length, pivot.columns.lines.length];
  const { cell, left, top } = layout;
  const { width, height } = room.value;
  const rows = useLines({ count: down, size: cell.height, start: top, window: height, horizontal: false, scroller, kept: row });
  const columns = useLines({ count: across, size: cell.width, start: left, window: width, horizontal: true, scroller, kept: column });
  const rowSlots = useSlots(rows);
  const columnSlots = useSlots(columns);
  const isOverview = rows.length * columns.length * pivot.inside.lines.length > MOST;
  const only = isOverview ? elementsOf(pivot, active.value) : null;
  useCentre(scroller, layout);
  useAnchor(scroller, run, pivot, layout);
  useFocus(scroller);
  useSpeed(scroller);
  willPrint({ pivot, layout, scroller });
  if (!pivot.cells.size) return <Nothing />;
  const page = Math.max(1, Math.floor((height - top) / cell.height) - 1);
  return (
    <div
      class="grid"
      role="grid"
      aria-label="Pictures"
      aria-rowcount={down + pivot.columns.axes.length}
      aria-colcount={across + pivot.rows.axes.length}
      style={px({ width: left + across * cell.width, height: top + down * cell.height })}
      onKeyDown={(event) => pressed(event, pivot, page)}
      {...showLoaded}
      {...pointing(run)}
    >
      <ColumnHeadings pivot={pivot} layout={layout} columns={columns} />
      {isOverview && (
        <Overview run={run} pivot={pivot} layout={layout} rows={together(rows, row)} columns={together(columns, column)} />
      )}
      {rows.map((line, k) => (
        <Row
          key={rowSlots.get(line)}
          run={run}
          pivot={pivot}
          layout={layout}
          row={line}
          before={rows[k - 1] ?? -1}
          columns={columnSlots}
          active={line === row ? active.value : null}
          only={only}
        />
      ))}
    </div>
  );
}

/** Lines next to each other: without the one that has the focus where that is elsewhere. */
function together(lines: readonly number[], kept: number): readonly number[] {
  return lines.filter((line, k) => line !== kept || lines[k - 1] === line - 1 || lines[k + 1] === line + 1);
}

/** Gives the focus to the active place when it has moved, and follows the cell of the large view. */
function useFocus(scroller: () => HTMLElement | null): void {
  const done = useRef(moves.value);
  const opened = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (done.current === moves.value) return;
    done.current = moves.value;
    // Cells that follow the signal by themselves are drawn after this one.
    queueMicrotask(() => scroller()?.querySelector<HTMLElement>("[data-active]")?.focus());
  });
  const open = openCell.value;
  useLayoutEffect(() => {
    const last = open ?? opened.current;
    opened.current = open;
    const place = last !== null && pivot.value ? placeOf(pivot.value, last) : null;
    if (place) moveTo(place, open === null);
  }, [open]);
}
