/** Keys in the grid. */

import { signal } from "@preact/signals";
import type { Key } from "../shared/KeysHelp";
import { change } from "../state/view";
import { active, moveTo, ownZoom, zoomBy } from "./shown";
import { moved } from "./move";
import type { Pivot } from "./pivot";

export const GRID_KEYS: readonly Key[] = [
  { shown: "← → ↑ ↓", does: "to the next picture or heading" },
  { shown: "Page Up, Down", does: "by the rows in the window" },
  { shown: "Home, End", does: "to the first heading or the last picture of the row; with Ctrl of the grid" },
  { shown: "Enter", does: "show the picture large; on a heading, hide its value" },
  { shown: "Shift + Enter", does: "on a heading, show its value alone" },
  { shown: "f", does: "star" },
  { shown: "x", does: "reject" },
  { shown: "+ −", does: "larger or smaller pictures" },
  { shown: "0", does: "fit the grid to the window" },
  { shown: "1", does: "the pictures' own pixels" },
  { shown: "?", does: "these keys" },
];

/** Whether the keys are shown. */
export const hasHelp = signal(false);

export function pressed(event: KeyboardEvent, pivot: Pivot, page: number): void {
  if (event.altKey || event.metaKey) return;
  const { key, ctrlKey } = event;
  const to = moved(pivot, active.value, { key, ctrlKey, page });
  if (to) moveTo(to);
  else if (key === "?") hasHelp.value = true;
  else if (ctrlKey || !zoomedBy(key)) return;
  event.preventDefault();
}

/** `+` and `-` zoom, `0` fits the grid into the window, `1` shows pictures in their own pixels. */
function zoomedBy(key: string): boolean {
  if (key === "+" || key === "=") change({ zoom: zoomBy(1) });
  else if (key === "-") change({ zoom: zoomBy(-1) });
  else if (key === "0") change({ zoom: 0 });
  else if (key === "1") change({ zoom: ownZoom.value });
  else return false;
  return true;
}
