/** Keys in the grid. */

import { change, view } from "../state/view";
import { largestPicture, active, moveTo } from "./shown";
import { zoomed } from "./geometry";
import { moved } from "./move";
import type { Pivot } from "./pivot";

export function pressed(event: KeyboardEvent, pivot: Pivot, page: number): void {
  if (event.altKey || event.metaKey) return;
  const { key, ctrlKey } = event;
  const to = moved(pivot, active.value, { key, ctrlKey, page });
  if (to) moveTo(to);
  else if (ctrlKey || !zoomedBy(key)) return;
  event.preventDefault();
}

/** `+` and `-` zoom, `0` fits the grid into the window, `1` shows pictures in their own pixels. */
function zoomedBy(key: string): boolean {
  const { zoom } = view.value;
  const { width, height } = largestPicture.value;
  if (key === "+" || key === "=") change({ zoom: zoomed(zoom || 128, 1) });
  else if (key === "-") change({ zoom: zoomed(zoom || 128, -1) });
  else if (key === "0") change({ zoom: 0 });
  else if (key === "1") change({ zoom: Math.max(32, width, height) });
  else return false;
  return true;
}
