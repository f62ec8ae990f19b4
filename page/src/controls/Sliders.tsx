import type { Axis } from "../data/types";
import { order } from "../filter/sorted";
import { fixedValue } from "../grid/pivot";
import { shownValues } from "../state/hidden";
import { sliders, view } from "../state/view";
import { fix, playing, togglePlay } from "./play";

/** of values that are shown beside each other instead of on a slider */
const FEW = 6;
const SHORT = 24;

/** One control for each axis that is not in the grid; none beside a list, which has the cells of all values. */
export function Sliders() {
  if (order.value) return null;
  return (
    <div class="sliders">
      {sliders.value.map((axis) => (
        <AxisSlider key={axis.name} axis={axis} />
      ))}
    </div>
  );
}

function AxisSlider({ axis }: { axis: Axis }) {
  const values = shownValues(axis, view.value.hidden);
  const isFew = values.length <= FEW && values.every((value) => (axis.values[value]?.text.length ?? 0) <= SHORT);
  const isPlaying = playing.value === axis.name;
  return (
    <div
      class="axis-slider"
      role="group"
      aria-label={axis.label}
      onKeyDown={(event) => {
        if (event.key !== " " || event.target instanceof HTMLButtonElement) return;
        event.preventDefault();
        togglePlay(axis.name);
      }}
    >
      <span class="axis-label" aria-hidden="true" dir="auto">{axis.label}</span>
      {values.length > 1 && (
        <button type="button" aria-pressed={isPlaying} title="Play (space)" onClick={() => togglePlay(axis.name)}>
          {isPlaying ? "❚❚" : "▶"} <span class="hidden-text">Play {axis.label}</span>
        </button>
      )}
      {isFew ? <Tabs axis={axis} values={values} /> : <Range axis={axis} values={values} />}
    </div>
  );
}

interface ValuesProps {
  axis: Axis;
  /** the numbers of the values that can be chosen */
  values: readonly number[];
}

function Tabs({ axis, values }: ValuesProps) {
  const shown = fixedValue(axis, view.value);
  return (
    <span class="tabs" role="radiogroup" aria-label={axis.label}>
      {values.map((value) => (
        <label key={value} class={value === shown ? "tab chosen" : "tab"}>
          <input
            type="radio"
            class="hidden-text"
            name={`axis-${axis.name}`}
            checked={value === shown}
            onChange={() => fix(axis.name, value)}
          />
          <span dir="auto">{axis.values[value]?.text}</span>
        </label>
      ))}
    </span>
  );
}

function Range({ axis, values }: ValuesProps) {
  const shown = fixedValue(axis, view.value);
  return (
    <>
      <input
        type="range"
        min={0}
        max={values.length - 1}
        value={values.indexOf(shown)}
        aria-label={axis.label}
        aria-valuetext={axis.values[shown]?.title}
        onInput={(event) => fix(axis.name, values[Number(event.currentTarget.value)] ?? 0)}
      />
      <output dir="auto">{axis.values[shown]?.text}</output>
    </>
  );
}
