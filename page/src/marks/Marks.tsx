import { computed, signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Run } from "../data/run";
import { cellOf } from "./keys";
import { marked, toggle, type Mark } from "./store";

/** The cell that the pointer is over; fingers are over none. */
const hovered = signal<number | null>(null);

/** The cell that has the focus. */
const focused = signal<number | null>(null);

/** For an element that has cells in it. */
export const followCell = {
  onFocusIn: (event: FocusEvent): void => {
    focused.value = cellOf(event.target);
  },
  onFocusOut: (): void => {
    focused.value = null;
  },
  onPointerOver: (event: PointerEvent): void => {
    hovered.value = event.pointerType === "touch" ? null : cellOf(event.target);
  },
  onPointerLeave: (): void => {
    hovered.value = null;
  },
};

/** The star and the cross of a cell where one of them is set, and where it has the focus or the pointer is. */
export function CellMarks({ run, cell }: { run: Run; cell: number }) {
  const isHere = useMemo(() => computed(() => hovered.value === cell || focused.value === cell), [cell]).value;
  const id = run.id(cell);
  const { starred, rejected } = marked.value;
  return isHere || starred.has(id) || rejected.has(id) ? <Marks run={run} cell={cell} /> : null;
}

/** The star and the cross of a cell, as buttons. */
export function Marks(props: { run: Run; cell: number }) {
  const id = props.run.id(props.cell);
  return (
    <span class="marks">
      <MarkButton mark="starred" id={id} sign="★" label="Star (f)" />
      <MarkButton mark="rejected" id={id} sign="✕" label="Reject (x)" />
    </span>
  );
}

/** Out of the order of Tab: the keys do the same where the cell has the focus. */
function MarkButton(props: { mark: Mark; id: string; sign: string; label: string }) {
  const press = (event: Event) => {
    event.stopPropagation();
    toggle(props.mark, props.id);
  };
  return (
    <button
      type="button"
      class={props.mark}
      tabIndex={-1}
      title={props.label}
      aria-label={props.label}
      aria-pressed={marked.value[props.mark].has(props.id)}
      onClick={press}
    >
      {props.sign}
    </button>
  );
}
