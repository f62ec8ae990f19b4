import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** Shows a dialog over the page, with the focus on the picture. */
export function useModal(dialog: RefObject<HTMLDialogElement | null>): void {
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>(".stage")?.focus();
    return () => {
      // Cells of the grid and of the list take the focus themselves: that of the picture that was shown last.
      const isPlot = (opener instanceof HTMLElement || opener instanceof SVGElement) && opener.matches(".plot-place");
      if (isPlot) setTimeout(() => opener.focus({ preventScroll: true }));
    };
  }, []);
}
