/** Dragging with a pointer that may leave the element, and the window. */

/**
 * Calls `move` with how far the pointer has come, in CSS pixels, until it is let go of or taken away, as by the
 * browser for a gesture of its own; then `done`.
 */
export function drag(start: PointerEvent, element: HTMLElement, move: (x: number, y: number) => void, done = () => {}): void {
  const stop = new AbortController();
  let last = start;
  const follow = (event: PointerEvent) => {
    if (event.pointerId !== start.pointerId) return;
    move(event.clientX - last.clientX, event.clientY - last.clientY);
    last = event;
  };
  const end = (event: PointerEvent) => {
    if (event.pointerId !== start.pointerId) return;
    stop.abort();
    done();
  };
  element.setPointerCapture(start.pointerId);
  element.addEventListener("pointermove", follow, stop);
  // Comes after pointerup and after pointercancel alike.
  element.addEventListener("lostpointercapture", end, stop);
}
