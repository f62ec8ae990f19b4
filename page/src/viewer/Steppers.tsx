/** For each axis but those that follow another one: its values to choose from, one back, one on, and playing it. */

import type { Axis } from "../data/types";
import type { Run } from "../data/run";
import { order } from "../filter/sorted";
import { changeLarge, view } from "../state/view";
import { axesAlong, inList, playedAxis, reached, show, step, stepInList, type Direction } from "./moves";
import { isPlaying } from "./player";
import { cellsAlong, leaderOf } from "./steps";

export function Steppers({ run, cell }: { run: Run; cell: number }) {
  const axes = run.head.axes.filter((axis) => axis.values.length > 1 && axis.follows === undefined);
  return (
    <>
      {axes.map((axis) => (
        <Stepper key={axis.name} run={run} cell={cell} axis={axis} />
      ))}
      {order.value && (
        <div class="stepper" role="group" aria-label="Sorted list">
          <span class="stepper-name">
            list
            <span class="keys" aria-hidden="true">
              , .
            </span>
          </span>
          <StepButton what="in the list" by={-1} isLast={inList(cell, -1) === null} onClick={() => stepInList(cell, -1)} />
          <StepButton what="in the list" by={1} isLast={inList(cell, 1) === null} onClick={() => stepInList(cell, 1)} />
        </div>
      )}
    </>
  );
}

function Stepper({ run, cell, axis }: { run: Run; cell: number; axis: Axis }) {
  const own = run.value(cell, axis.name);
  const isPlayed = playedAxis(run, view.value) === axis.name;
  const plays = isPlaying.value && isPlayed;
  const cells = cellsAlong(run, cell, axis.name);
  const choose = (value: number) => {
    const chosen = cells.get(value);
    if (chosen !== undefined) show(chosen);
  };
  const button = (by: 1 | -1) => (
    <StepButton
      what={axis.label}
      by={by}
      isLast={reached(cell, [axis.name], by) === null}
      onClick={() => step(cell, [axis.name], by)}
    />
  );
  const play = () => {
    changeLarge({ axis: axis.name });
    isPlaying.value = !plays;
  };
  return (
    <div class="stepper" role="group" aria-label={axis.label}>
      <span class="stepper-name" dir="auto">
        {axis.label}
        <span class="keys" aria-hidden="true">{keysOf(run, axis.name)}</span>
      </span>
      {button(-1)}
      <select
        aria-label={axis.label}
        value={String(own)}
        onChange={(event) => choose(Number(event.currentTarget.value))}
      >
        {axis.values.map((value, number) => (
          <option key={number} value={String(number)} disabled={!cells.has(number)}>
            {value.text}
          </option>
        ))}
      </select>
      {button(1)}
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

function StepButton(props: { what: string; by: 1 | -1; isLast: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      aria-label={`${props.by === 1 ? "Next" : "Previous"} ${props.what}`}
      aria-disabled={props.isLast}
      onClick={props.onClick}
    >
      {props.by === 1 ? "›" : "‹"}
    </button>
  );
}

const KEYS: readonly [Direction, string][] = [
  ["columns", "← →"],
  ["rows", "↑ ↓"],
  ["third", "[ ]"],
];

/** The keys that step along the axis, or along one that follows it. */
function keysOf(run: Run, axis: string): string {
  return KEYS.find(([direction]) => axesAlong(direction).some((name) => leaderOf(run, name) === axis))?.[1] ?? "";
}
