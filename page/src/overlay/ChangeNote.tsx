/** The text of an abrupt change, while the pointer is at its mark or its picture has the focus: above all else of the grid. */

import { computed, signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/** in CSS pixels, from a mark to its text, and from there to the edges of the window */
const GAP = 4;

const pointed = signal<readonly HTMLElement[]>([]);
const focused = signal<readonly HTMLElement[]>([]);
const shown = computed(() => (pointed.value.length ? pointed.value : focused.value));

/** For an element with pictures in it. */
export const followChanges = {
  onPointerOver: ({ target }: PointerEvent): void => {
    const mark = target instanceof Element ? target.closest<HTMLElement>(".change") : null;
    pointed.value = mark ? [mark] : [];
  },
  onPointerLeave: (): void => {
    pointed.value = [];
  },
  onFocusIn: ({ target }: FocusEvent): void => {
    const isSeen = target instanceof Element && target.matches(":focus-visible");
    focused.value = isSeen ? [...(target.parentElement?.querySelectorAll<HTMLElement>(":scope > .change") ?? [])] : [];
  },
  onFocusOut: (): void => {
    focused.value = [];
  },
};

export function ChangeNote() {
  const marks = shown.value;
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!marks.length) return;
    // Marks move as the grid is scrolled, zoomed or turned.
    let frame = 0;
    const place = () => {
      if (box.current) placeBeside(box.current, marks);
      frame = requestAnimationFrame(place);
    };
    place();
    return () => cancelAnimationFrame(frame);
  }, [marks]);
  if (!marks.length) return null;
  return (
    <div ref={box} class="change-text" aria-hidden="true">
      {marks.map((mark) => mark.dataset.text).join("\n")}
    </div>
  );
}

/** Below the marks, or above them where there is no room; nowhere once their cell has left the document. */
function placeBeside(box: HTMLElement, marks: readonly HTMLElement[]): void {
  const there = marks.filter((mark) => mark.isConnected).map((mark) => mark.getBoundingClientRect());
  box.hidden = !there.length;
  if (box.hidden) return;
  const [top, right, bottom] = [
    Math.min(...there.map((one) => one.top)),
    Math.max(...there.map((one) => one.right)),
    Math.max(...there.map((one) => one.bottom)),
  ];
  const { width, height } = box.getBoundingClientRect();
  const isBelow = bottom + GAP + height <= innerHeight;
  box.style.left = `${Math.max(GAP, Math.min(right - width, innerWidth - width - GAP))}px`;
  box.style.top = `${isBelow ? bottom + GAP : Math.max(GAP, top - GAP - height)}px`;
}
