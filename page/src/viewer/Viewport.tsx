/** The part of a picture that is seen: moved by scrolling, or by dragging with the mouse. */

import type { ComponentChildren, RefObject } from "preact";
import { px } from "../shared/px";
import { drag } from "./drag";
import type { Size } from "./layout";

interface Props {
  frame: RefObject<HTMLDivElement | null>;
  place: Size;
  /** of the picture on the screen */
  shown: Size;
  boxClass: string;
  /** a CSS filter over the picture */
  filter?: string | undefined;
  /** that moves with this one */
  other: RefObject<HTMLDivElement | null>;
  children: ComponentChildren;
}

export function Viewport({ frame, place, shown, boxClass, filter, other, children }: Props) {
  // Whole pixels, so that nothing is drawn between two.
  const before = (outer: number, inner: number) => Math.max(0, Math.floor((outer - inner) / 2));
  const [marginLeft, marginTop] = [before(place.width, shown.width), before(place.height, shown.height)];
  return (
    <div
      class="viewport"
      ref={frame}
      style={px({ ...place })}
      onScroll={() => follow(frame.current, other.current)}
      onPointerDown={(event) => pan(event, frame.current)}
    >
      <div class={`box ${boxClass}`} style={{ ...px({ ...shown, marginLeft, marginTop }), filter }}>
        {children}
      </div>
    </div>
  );
}

function follow(moved: HTMLElement | null, other: HTMLElement | null): void {
  if (!moved || !other) return;
  other.scrollTo({ left: moved.scrollLeft, top: moved.scrollTop, behavior: "instant" });
}

/** Fingers scroll by themselves. */
function pan(event: PointerEvent, frame: HTMLElement | null): void {
  if (!frame || event.pointerType !== "mouse" || event.button !== 0 || event.target instanceof HTMLInputElement) return;
  if (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight) return;
  drag(event, frame, (x, y) => frame.scrollBy(-x, -y));
}
