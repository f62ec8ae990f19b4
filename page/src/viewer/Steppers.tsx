/** For each axis: its values to choose from, one back, one on, and playing it. */

import type { Axis } from "../data/types";
import type { Run } from "../data/run";
import { changeLarge, view } from "../state/view";
import { axesAlong, playedAxis, reached, show, step, type Direction } from "./moves";
import { isPlaying } from "./player";
import { cellWith } from "./steps";

export function Steppers({ run, cell }: { run: Run; cell: number }) {
  const axes = run.head.axes.filter((axis) => axis.values.length > 1);
  return (
    <>
      {axes.map((axis) => (
        <Stepper key={axis.name} run={run} cell={cell} axis={axis} />
      ))}
    </>
  );
}

function Stepper({ run, cell, axis }: { run: Run; cell: number; axis: Axis }) {
  const own = run.value(cell, axis.name);
  const isPlayed = playedAxis(run, view.value) === axis.name;
  const plays = isPlaying.value && isPlayed;
  const choose = (value: number) => {
    const chosen = cellWith(run, cell, axis.name, value);
    if (chosen !== undefined) show(chosen);
  };
  const play = () => {
    changeLarge({ axis: axis.name });
    isPlaying.value = !plays;
  };
  return (
    <div class="stepper" role="group" aria-label={axis.label}>
      <span class="stepper-name" dir="auto">
        {axis.label}
        <span class="keys" aria-hidden="true">{keysOf(axis.name)}</span>
      </span>
      <StepButton cell={cell} axis={axis} by={-1} />
      <select
        aria-label={axis.label}
        value={String(own)}
        onChange={(event) => choose(Number(event.currentTarget.value))}
      >
        {axis.values.map((value, number) => (
          <option key={number} value={String(number)} disabled={cellWith(run, cell, axis.name, number) === undefined}>
            {value.text}
          </option>
        ))}
      </select>
      <StepButton cell={cell} axis={axis} by={1} />
      <button
        type="button"
        aria-pressed={plays}
        aria-label={`Play ${axis.label}`}
        title={isPlayed ? "Space" : undefined}
        onClick={play}
      >
        {plays ? "❚❚" : "▶"}
      </button>
    </div>
  );
}

function StepButton({ cell, axis, by }: { cell: number; axis: Axis; by: 1 | -1 }) {
  const isLast = reached(cell, [axis.name], by) === null;
  return (
    <button
      type="button"
      aria-label={`${by === 1 ? "Next" : "Previous"} ${axis.label}`}
      aria-disabled={isLast}
      onClick={() => step(cell, [axis.name], by)}
    >
      {by === 1 ? "›" : "‹"}
    </button>
  );
}

const KEYS: readonly [Direction, string][] = [
  ["columns", "← →"],
  ["rows", "↑ ↓"],
  ["third", "[ ]"],
];

function keysOf(axis: string): string {
  return KEYS.find(([direction]) => axesAlong(direction).includes(axis))?.[1] ?? "";
}
