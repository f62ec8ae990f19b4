/** The reference that the shown picture is compared with, and how. */

import { computed, signal } from "@preact/signals";
import { change, view, type View } from "../state/view";

type Way = Exclude<View["compare"], "none">;

/** Makes the open picture the reference; takes it back where it is that already. */
export function pin(): void {
  const { open, pinned } = view.value;
  if (pinned === open) change({ pinned: null, compare: "none" });
  else change({ pinned: open });
}

/** The view in which a comparison was asked for that there is no reference for. */
const refused = signal<View | null>(null);

/** What has to be done before pictures can be compared; said until something changes. */
export const advice = computed(() => (refused.value === view.value ? "Choose a reference first: p" : ""));

/** Compares in a way, or no longer; without a reference it only says that one is needed. */
export function compare(way: Way): void {
  const { pinned, compare: before } = view.value;
  if (pinned === null) refused.value = view.value;
  else change({ compare: before === way ? "none" : way });
}

/** Shows the reference, with what was shown as the reference. */
export function swap(): void {
  const { open, pinned } = view.value;
  if (open !== null && pinned !== null) change({ open: pinned, pinned: open });
}
