/** An axis whose values are shown one after the other. */

import { effect, signal } from "@preact/signals";
import type { Axis } from "../data/types";
import { order } from "../filter/sorted";
import { fixedValue } from "../grid/pivot";
import { shownValues } from "../state/hidden";
import { change, run, sliders, view, type View } from "../state/view";

/** in milliseconds */
const EVERY = 700;

/** The name of the axis that plays. */
export const playing = signal<string | null>(null);

export function togglePlay(axis: string): void {
  playing.value = playing.value === axis ? null : axis;
}

/** The number of the value that comes some steps after the one that is shown; after the last one comes the first. */
export function stepped(axis: Axis, shown: Pick<View, "fixed" | "hidden">, steps: number): number {
  const values = shownValues(axis, shown.hidden);
  const at = values.indexOf(fixedValue(axis, shown)) + steps;
  return values[((at % values.length) + values.length) % values.length] ?? 0;
}

export function fix(axis: string, value: number): void {
  change({ fixed: { ...view.value.fixed, [axis]: value } });
}

effect(() => {
  const name = playing.value;
  if (name === null) return;
  if (order.value) {
    // A list has no sliders.
    playing.value = null;
    return;
  }
  const timer = setInterval(() => {
    const axis = run.value?.axis(name);
    if (axis && sliders.value.some((one) => one.name === name)) fix(name, stepped(axis, view.value, 1));
    else playing.value = null;
  }, EVERY);
  return () => clearInterval(timer);
});
