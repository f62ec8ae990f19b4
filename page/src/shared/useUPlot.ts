import type { RefObject } from "preact";
import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type uPlot from "uplot";

/**
 * A plot in a place: as wide as the place, and in the colours of the page as these change. null before it is drawn.
 *
 * draw: makes it. shape: what it depends on besides its numbers; only where that is another one, it is made anew.
 */
export function useUPlot(
  place: RefObject<HTMLElement | null>,
  shape: string,
  draw: (place: HTMLElement) => uPlot,
): ReadonlySignal<uPlot | null> {
  const drawn = useSignal<uPlot | null>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const plot = draw(element);
    drawn.value = plot;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth !== plot.width) plot.setSize({ width: element.clientWidth, height: plot.height });
    });
    observer.observe(element);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => plot.redraw(false);
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      observer.disconnect();
      plot.destroy();
      drawn.value = null;
    };
  }, [shape]);
  return drawn;
}
