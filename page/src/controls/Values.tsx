import type { Axis } from "../data/types";
import type { Run } from "../data/run";
import { shownValues } from "../state/hidden";
import { change, view } from "../state/view";
import { hideValue, showAll, showOnly, showValue } from "./hidden";
import { Menu } from "./Menu";

/** Values beyond these are not listed; a filter is better for so many. */
const LISTED = 300;
const CHIPS = 8;

/** Chooses the values of every axis that are shown. */
export function Values({ run }: { run: Run }) {
  return (
    <Menu label="Values">
      {() => run.head.axes.map((axis) => <ValuesOf key={axis.name} axis={axis} />)}
    </Menu>
  );
}

function ValuesOf({ axis }: { axis: Axis }) {
  const { hidden } = view.value;
  const shown = new Set(shownValues(axis, hidden));
  const toggle = (value: number) =>
    change({ hidden: shown.has(value) ? hideValue(axis, value, hidden) : showValue(axis, value, hidden) });
  return (
    <fieldset>
      <legend dir="auto">{axis.label}</legend>
      {axis.values.slice(0, LISTED).map((one, value) => (
        <span key={value} class="value">
          <label>
            <input type="checkbox" checked={shown.has(value)} onChange={() => toggle(value)} />
            <span dir="auto">{one.text}</span>
          </label>
          <button type="button" onClick={() => change({ hidden: showOnly(axis, value, hidden) })}>
            only <span class="hidden-text">{one.text}</span>
          </button>
        </span>
      ))}
      {axis.values.length > LISTED && <p>and {axis.values.length - LISTED} more</p>}
      {shown.size < axis.values.length && (
        <button type="button" onClick={() => change({ hidden: showAll(axis, hidden) })}>
          Show all <span class="hidden-text">of {axis.label}</span>
        </button>
      )}
    </fieldset>
  );
}

/** The values that are hidden; a click shows one again. */
export function HiddenValues({ run }: { run: Run }) {
  const { hidden } = view.value;
  const all = run.head.axes.flatMap((axis) => (hidden[axis.name] ?? []).map((value) => ({ axis, value })));
  if (!all.length) return null;
  return (
    <div class="hidden-values" role="group" aria-label="Hidden values">
      <span class="axis-label" aria-hidden="true">Hidden</span>
      {all.slice(0, CHIPS).map(({ axis, value }) => (
        <button
          key={`${axis.name} ${value}`}
          type="button"
          class="chip"
          title="Show again"
          onClick={() => change({ hidden: showValue(axis, value, hidden) })}
        >
          <span dir="auto">{axis.values[value]?.title}</span> <span aria-hidden="true">×</span>
        </button>
      ))}
      {all.length > CHIPS && <span>and {all.length - CHIPS} more</span>}
      <button type="button" onClick={() => change({ hidden: {} })}>Show all</button>
    </div>
  );
}
