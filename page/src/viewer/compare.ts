/** The reference that the shown picture is compared with, and how. */

import { change, view, type View } from "../state/view";

type Way = Exclude<View["compare"], "none">;

/** Makes the open picture the reference; takes it back where it is that already. */
export function pin(): void {
  const { open, pinned } = view.value;
  if (pinned === open) change({ pinned: null, compare: "none" });
  else change({ pinned: open });
}

/** Compares in a way, or no longer. Where there is no reference, the open picture becomes it. */
export function compare(way: Way): void {
  const { open, pinned, compare: before } = view.value;
  change({ pinned: pinned ?? open, compare: before === way ? "none" : way });
}

/** Shows the reference, with what was shown as the reference. */
export function swap(): void {
  const { open, pinned } = view.value;
  if (open !== null && pinned !== null) change({ open: pinned, pinned: open });
}
