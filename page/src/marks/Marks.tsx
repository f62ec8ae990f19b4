import type { Run } from "../data/run";
import { marked, toggle, type Mark } from "./store";

/** The star and the cross of a cell: shown where they are set, and as buttons where the pointer is. */
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
