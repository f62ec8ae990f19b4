/** Whether the grid is scrolled faster than pictures can be seen. */

import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

/** in CSS pixels a millisecond */
const FAST = 3.5;
/** in CSS pixels, between two events: where the browser is slow, its time says little */
const FAR = 160;
/** in milliseconds, between two events of one movement */
const PAUSE = 150;

/** Pictures that come into the document now are not loaded before this ends. */
export const isFast = signal(false);

export function useSpeed(scroller: () => HTMLElement | null): void {
  useLayoutEffect(() => {
    const element = scroller();
    if (!element) return;
    let last = { at: 0, x: 0, y: 0 };
    let ending = 0;
    const scrolled = () => {
      const now = { at: performance.now(), x: element.scrollLeft, y: element.scrollTop };
      const time = now.at - last.at;
      // A single jump shows its pictures at once.
      isFast.value = time < PAUSE && Math.hypot(now.x - last.x, now.y - last.y) > Math.min(FAR, FAST * time);
      last = now;
      clearTimeout(ending);
      ending = setTimeout(() => (isFast.value = false), PAUSE);
    };
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      element.removeEventListener("scroll", scrolled);
      clearTimeout(ending);
      isFast.value = false;
    };
  }, []);
}
