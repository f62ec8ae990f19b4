/** Keeps what is seen where it is, and the focus on its cell, when a run that goes on gets more cells. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Run } from "../data/run";
import type { Layout } from "./layout";
import { cellAt, placeOf, type Pivot, type Place } from "./pivot";
import { active, moveTo } from "./shown";

interface Shown {
  run: Run;
  pivot: Pivot;
  layout: Layout;
  focus: Place;
}

export function useAnchor(scroller: () => HTMLElement | null, run: Run, pivot: Pivot, layout: Layout): void {
  const last = useRef<Shown>({ run, pivot, layout, focus: active.value });
  useLayoutEffect(() => {
    const element = scroller();
    const before = last.current;
    last.current = { run, pivot, layout, focus: active.value };
    if (!element || before.run.plan === run.plan) return;
    const { cell } = before.layout;
    const corner = {
      row: Math.floor(element.scrollTop / cell.height),
      column: Math.floor(element.scrollLeft / cell.width),
      inside: 0,
    };
    const now = placeNow(before, corner, run, pivot);
    // At the beginning and without scrolling, the first cells are seen.
    const moved = (offset: number, lines: number, size: number) => (offset === 0 ? 0 : offset + lines * size);
    if (now)
      element.scrollTo(
        moved(element.scrollLeft, now.column - corner.column, layout.cell.width),
        moved(element.scrollTop, now.row - corner.row, layout.cell.height),
      );
    const focus = placeNow(before, before.focus, run, pivot);
    if (focus) moveTo(focus, element.contains(document.activeElement));
  });
}

/** Where the cell is now that was at a place. */
function placeNow(before: Shown, place: Place, run: Run, pivot: Pivot): Place | null {
  const cell = place.row < 0 || place.column < 0 ? undefined : cellAt(before.pivot, place);
  const now = cell === undefined ? undefined : run.cell(before.run.id(cell));
  return now === undefined ? null : placeOf(pivot, now);
}
