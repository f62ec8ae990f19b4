/** What the user has chosen to see: all of it is in the address, and changes through `change` alone. */

import { computed, signal } from "@preact/signals";
import type { Run } from "../data/run";
import type { Axis } from "../data/types";
import { slidersOf } from "./sliders";
import type { PlotView } from "./plot";
import { FIRST_LARGE, type Large } from "./large";

export interface View {
  /** axes, the outermost first */
  rows: readonly string[];
  columns: readonly string[];
  /** axes whose values stand beside each other within a cell */
  inside: readonly string[];
  /** of every other axis, the number of the value that is shown */
  fixed: Readonly<Record<string, number>>;
  /** of axes, the numbers of the values that are not shown */
  hidden: Readonly<Record<string, readonly number[]>>;
  /** the longest side of a picture in the grid, in CSS pixels; 0: as large as fits into the window */
  zoom: number;
  /** the id of the experiment in the large view */
  open: string | null;
  /** the id of the reference that the large view compares with */
  pinned: string | null;
  compare: "none" | "wipe" | "difference" | "side";
  large: Large;
  overlay: { metric: string; as: "outline" | "bar" | "heat" } | null;
  /** the plot above the cells */
  plot: PlotView | null;
  filter: string;
  /** a field of records by which a list is sorted, with `-` before it for descending; empty: the grid */
  sort: string;
}

export const NO_VIEW: View = {
  rows: [],
  columns: [],
  inside: [],
  fixed: {},
  hidden: {},
  zoom: 128,
  open: null,
  pinned: null,
  compare: "none",
  large: FIRST_LARGE,
  overlay: null,
  plot: null,
  filter: "",
  sort: "",
};

/** The run that is shown; null while it is read. */
export const run = signal<Run | null>(null);

/** Why there is nothing to show. */
export const failure = signal<string | null>(null);

export const view = signal<View>(NO_VIEW);

export function change(changes: Partial<View>): void {
  view.value = { ...view.value, ...changes };
}

export function changeLarge(changes: Partial<Large>): void {
  change({ large: { ...view.value.large, ...changes } });
}

/** The axes through whose values the user slides. */
export const sliders = computed(() => slidersOf(run.value?.head.axes ?? [], view.value));

/** The number of the open cell. */
export const openCell = computed(() => numberOf(view.value.open));

export const pinnedCell = computed(() => numberOf(view.value.pinned));

function numberOf(id: string | null): number | null {
  return id === null ? null : (run.value?.cell(id) ?? null);
}

/**
 * The view that a run is first shown in: the longest axis across, `value` before others, one more down. An axis that
 * follows one of these is within it.
 */
export function firstView(found: Run): View {
  const axes = found.head.axes.filter((axis) => axis.values.length > 1 && axis.follows === undefined);
  const byLength = [...axes].sort(
    (a, b) => b.values.length - a.values.length || Number(b.name === "value") - Number(a.name === "value"),
  );
  const [across, down] = byLength;
  const withFollowing = (axis: Axis | undefined) =>
    axis ? [axis.name, ...found.head.axes.filter((one) => one.follows === axis.name).map((one) => one.name)] : [];
  return { ...NO_VIEW, columns: withFollowing(across), rows: withFollowing(down) };
}
