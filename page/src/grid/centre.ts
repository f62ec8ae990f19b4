/** Keeps what is in the middle of the window there while the zoom changes. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Layout } from "./layout";
import { room } from "./shown";

export function useCentre(scroller: () => HTMLElement | null, layout: Layout): void {
  const before = useRef(layout);
  useLayoutEffect(() => {
    const element = scroller();
    const { cell, left, top } = before.current;
    before.current = layout;
    if (!element || (cell.width === layout.cell.width && cell.height === layout.cell.height)) return;
    const [x, y] = [(room.value.width - layout.left) / 2, (room.value.height - layout.top) / 2];
    const [oldX, oldY] = [(room.value.width - left) / 2, (room.value.height - top) / 2];
    // At the beginning and without scrolling, the first cells stay.
    const scaled = (offset: number, old: number, now: number, ratio: number) =>
      offset === 0 ? 0 : (offset + old) * ratio - now;
    element.scrollTo(
      scaled(element.scrollLeft, oldX, x, layout.cell.width / cell.width),
      scaled(element.scrollTop, oldY, y, layout.cell.height / cell.height),
    );
  }, [layout]);
}
