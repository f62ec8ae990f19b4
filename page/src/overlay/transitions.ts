/** Between which neighbouring cells the picture changes abruptly. */

import type { Run } from "../data/run";
import type { Transition } from "../data/types";
import { digits } from "../shared/digits";
import type { View } from "../state/view";

/** At an edge of a cell where the next value of the axis is beside it, otherwise in a corner of it. */
export interface Change {
  side: "right" | "bottom" | "aside";
  text: string;
}

type Shown = Pick<View, "rows" | "columns" | "hidden"> & {
  /** whether the next value is beside a picture, as it is in a grid of one picture a cell */
  hasNeighbours: boolean;
};

/** Finds the changes of a cell. Values that are not shown are stepped over: a change is after the last shown value before it. */
export function changesOf(run: Run, shown: Shown): (cell: number) => Change[] {
  const known = new Map<string, Map<number, Transition[]>>();
  for (const transition of run.head.transitions) {
    const after = lastShown(run, shown, transition);
    if (after === null) continue;
    const ofAxis = known.get(transition.axis) ?? new Map<number, Transition[]>();
    ofAxis.set(after, [...(ofAxis.get(after) ?? []), transition]);
    known.set(transition.axis, ofAxis);
  }
  return (cell) =>
    [...known].flatMap(([axis, byValue]) =>
      (byValue.get(run.value(cell, axis)) ?? [])
        .filter((transition) => isAt(run, transition, cell))
        .map((transition) => ({ side: sideOf(axis, shown), text: textOf(run, transition) })),
    );
}

/** The number of the last value before the transition that is shown; null where it, or all after it, are hidden. */
function lastShown(run: Run, shown: Pick<View, "hidden">, { axis, after }: Transition): number | null {
  const hidden = new Set(shown.hidden[axis]);
  const numbers = (run.axis(axis)?.values ?? []).map((_, number) => number).filter((number) => !hidden.has(number));
  const last = numbers.findLast((number) => number <= after);
  return last === undefined || numbers.at(-1) === last ? null : last;
}

function isAt(run: Run, transition: Transition, cell: number): boolean {
  return Object.entries(transition.where).every(([axis, value]) => run.value(cell, axis) === value);
}

function sideOf(axis: string, shown: Shown): Change["side"] {
  if (!shown.hasNeighbours) return "aside";
  if (shown.columns.at(-1) === axis) return "right";
  return shown.rows.at(-1) === axis ? "bottom" : "aside";
}

function textOf(run: Run, { axis, after, distance }: Transition): string {
  const [from, to] = [after, after + 1].map((number) => run.axis(axis)?.values[number]?.title ?? "");
  const apart = distance === null ? "" : ` (distance ${digits(distance)})`;
  return `changes abruptly between ${from} and ${to}${apart}`;
}
