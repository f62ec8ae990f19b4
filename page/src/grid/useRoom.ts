import type { Signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import type { Size } from "./geometry";

/** Follows the size of an element that scrolls, without its scroll bars. */
export function useRoom(scroller: { readonly current: HTMLElement | null }, room: Signal<Size>): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = element;
      // It has no size while it is printed.
      if (width && (width !== room.value.width || height !== room.value.height)) room.value = { width, height };
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, room]);
}
