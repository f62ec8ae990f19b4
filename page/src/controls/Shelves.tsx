import type { Axis } from "../data/types";
import type { Run } from "../data/run";
import { change, view } from "../state/view";
import { placed, swapped, type Shelf } from "./place";

const LABELS: Record<Shelf, string> = { rows: "Rows", columns: "Columns", inside: "Inside cells" };

/** Chooses the axes of rows, of columns and inside cells; all others have sliders. */
export function Shelves(props: { run: Run }) {
  const { axes } = props.run.head;
  if (!axes.length) return null;
  return (
    <div class="shelves">
      <AxesOf shelf="rows" axes={axes} />
      <button type="button" title="Rows as columns, columns as rows" onClick={() => change(swapped(view.value))}>
        ⇄ <span class="hidden-text">Change rows and columns</span>
      </button>
      <AxesOf shelf="columns" axes={axes} />
      <AxesOf shelf="inside" axes={axes} />
    </div>
  );
}

/** One list for each axis, the outermost first, and one to add another. */
function AxesOf(props: { shelf: Shelf; axes: readonly Axis[] }) {
  const { shelf, axes } = props;
  const chosen = view.value[shelf];
  const label = LABELS[shelf];
  const isFull = chosen.length === axes.length;
  return (
    <span class="shelf" role="group" aria-label={label}>
      <span class="shelf-label" aria-hidden="true">{label}</span>
      {[...chosen, ...(isFull ? [] : [""])].map((name, position) => (
        <select
          key={position}
          class={name ? "axis" : "axis another"}
          aria-label={name ? `${label}, axis ${position + 1}` : `${label}, one more axis`}
          value={name}
          onChange={(event) => change(placed(view.value, shelf, position, event.currentTarget.value || null))}
        >
          <option value="">{name ? "none" : chosen.length ? "+" : "none"}</option>
          {axes.map((axis) => (
            <option key={axis.name} value={axis.name}>
              {axis.label}
            </option>
          ))}
        </select>
      ))}
    </span>
  );
}
