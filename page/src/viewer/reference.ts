/** The picture that the shown one is compared with: one that was chosen, or the control of the shown one. */

import { computed } from "@preact/signals";
import type { Run } from "../data/run";
import { openCell, pinnedCell, run, view } from "../state/view";
import { titleOf } from "./settings";

export interface Reference {
  kind: "chosen" | "control";
  /** the number of its cell; null of a control that is no cell of the page */
  cell: number | null;
  /** the address of its picture; null where there is none */
  picture: string | null;
  /** one line of text */
  title: string;
}

/** null where none is chosen, or where the shown picture has no control. */
export const reference = computed<Reference | null>(() => {
  const found = run.value;
  if (!found) return null;
  if (view.value.large.control) return openCell.value === null ? null : controlOf(found, openCell.value);
  const cell = pinnedCell.value;
  return cell === null ? null : { kind: "chosen", cell, picture: found.picture(cell), title: titleOf(found, cell) };
});

/** The baseline's picture at the effective scale of a cell, as far as the page has one. */
export function controlOf(found: Run, cell: number): Reference | null {
  const control = found.control(cell);
  if (!control) return null;
  return { kind: "control", cell: control.cell, picture: found.pictureOf(control.id), title: control.title };
}
