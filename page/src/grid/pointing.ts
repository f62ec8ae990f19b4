/** What clicks, the pointer and the focus do: listened to once for all pictures of the grid. */

import type { Run } from "../data/run";
import { change } from "../state/view";
import { followPictures } from "./follow";
import type { Place } from "./pivot";
import { moveTo } from "./shown";

/** For the element with the pictures of a run. */
export function pointing(run: Run) {
  return {
    ...followPictures,
    onPointerOver: (event: PointerEvent): void => {
      followPictures.onPointerOver(event);
      const button = buttonOf(event.target);
      if (button) button.title = button.ariaLabel ?? "";
    },
    onClick: (event: MouseEvent): void => {
      const button = buttonOf(event.target);
      if (!button) return;
      moveTo(placeOf(button), false);
      openAt(run, button.parentElement?.dataset.cell);
    },
    onFocusIn: (event: FocusEvent): void => {
      followPictures.onFocusIn(event);
      const button = buttonOf(event.target);
      if (button && button.dataset.active === undefined) moveTo(placeOf(button), false);
    },
  };
}

/** Opens a cell in the large view, if there is something to see. */
export function openAt(run: Run, cell: string | number | undefined): void {
  const number = Number(cell ?? NaN);
  if (number >= 0 && run.state(number) !== "waiting") change({ open: run.id(number) });
}

function buttonOf(target: EventTarget | null): HTMLButtonElement | null {
  return target instanceof Element ? target.closest<HTMLButtonElement>(".grid-picture > button") : null;
}

function placeOf(button: HTMLElement): Place {
  const [row = 0, column = 0, inside = 0] = (button.parentElement?.dataset.at ?? "").split(" ").map(Number);
  return { row, column, inside };
}
