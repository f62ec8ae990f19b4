/** How the shown picture is compared with the reference, and which one that is. */

import { computed, signal } from "@preact/signals";
import { change, openCell, run, view, type View } from "../state/view";
import { controlOf, reference } from "./reference";

type Comparison = Exclude<View["compare"], "none">;

/** What could not be done in a view, and why. */
const refused = signal<{ in: View; why: string } | null>(null);

/** What has to be done before pictures can be compared; said until something changes. */
export const advice = computed(() => (refused.value?.in === view.value ? refused.value.why : ""));

function refuse(why: string): void {
  refused.value = { in: view.value, why };
}

/** Makes the open picture the reference; takes it back where it is that already. */
export function pin(): void {
  const { open, pinned, large } = view.value;
  if (pinned === open && !large.control) change({ pinned: null, compare: "none" });
  else change({ pinned: open, large: { ...large, control: false } });
}

/** Compares with the control of every picture that is shown, side by side if in no other way; or no longer. */
export function toggleControl(): void {
  const { compare: way, pinned, large } = view.value;
  const [found, cell] = [run.value, openCell.value];
  if (large.control) change({ large: { ...large, control: false }, compare: pinned === null ? "none" : way });
  else if (!found || cell === null || !controlOf(found, cell)) refuse("This picture has no control");
  else change({ large: { ...large, control: true }, compare: way === "none" ? "side" : way });
}

/** Compares in a way, or no longer; without a reference it only says that one is needed. */
export function compare(way: Comparison): void {
  const before = view.value.compare;
  if (!reference.value) refuse(view.value.large.control ? "This picture has no control" : "Choose a reference first: p");
  else change({ compare: before === way ? "none" : way });
}

/** Shows the reference, with what was shown as the reference. */
export function swap(): void {
  const { open, large } = view.value;
  const [found, shown] = [run.value, reference.value];
  if (!found || !shown || open === null) return;
  if (shown.cell === null) refuse("The control is no cell of this page");
  else change({ open: found.id(shown.cell), pinned: open, large: { ...large, control: false } });
}
