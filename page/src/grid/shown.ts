/** What the grid shows now, and where its focus is. */

import { computed, signal } from "@preact/signals";
import { visible } from "../filter/visible";
import { run, view } from "../state/view";
import { FIRST, LARGEST, pictureSize, SMALLEST, zoomed } from "./geometry";
import { settled } from "./move";
import { arrange, type Pivot, type Place } from "./pivot";

const rows = computed(() => view.value.rows);
const columns = computed(() => view.value.columns);
const inside = computed(() => view.value.inside);
const fixed = computed(() => view.value.fixed);
const hidden = computed(() => view.value.hidden);

const plan = computed(() => run.value?.plan);
const axes = computed(() => run.value?.head.axes);

/** The arrangement of the visible cells; null while there is no run. It stays while a run of the same cells goes on. */
export const pivot = computed<Pivot | null>(() => {
  const chosen = {
    rows: rows.value,
    columns: columns.value,
    inside: inside.value,
    fixed: fixed.value,
    hidden: hidden.value,
  };
  return axes.value && plan.value ? arrange(axes.value, plan.value, visible.value, chosen) : null;
});

export const largestPicture = computed(() => (run.value ? pictureSize(run.value) : { width: 1, height: 1 }));

/** The zoom at which pictures are shown in their own pixels. */
export const ownZoom = computed(() => {
  const { width, height } = largestPicture.value;
  return Math.min(LARGEST, Math.max(SMALLEST, width, height));
});

/** The zoom that is some steps larger. */
export function zoomBy(steps: number): number {
  return zoomed(view.value.zoom || FIRST, steps);
}

/** The room for cells in the window of the grid. */
export const room = signal({ width: 0, height: 0 });

const wanted = signal<Place>({ row: 0, column: 0, inside: 0 });

/** The place that has the focus, or gets it next. */
export const active = computed(() => (pivot.value ? settled(pivot.value, wanted.value) : wanted.value));

/** Counts the moves of the focus, so that the grid focuses what is there after it has been drawn. */
export const moves = signal(0);

export function moveTo(place: Place, focus = true): void {
  wanted.value = place;
  if (focus) moves.value++;
}
