/** Follows the pointer and the focus among pictures, for the marks of a cell and the texts of abrupt changes. */

import { followCell } from "../marks/Marks";
import { followChanges } from "../overlay/ChangeNote";

/** For an element with pictures in it. */
export const followPictures = {
  onFocusIn: (event: FocusEvent): void => {
    followCell.onFocusIn(event);
    followChanges.onFocusIn(event);
  },
  onFocusOut: (): void => {
    followCell.onFocusOut();
    followChanges.onFocusOut();
  },
  onPointerOver: (event: PointerEvent): void => {
    followCell.onPointerOver(event);
    followChanges.onPointerOver(event);
  },
  onPointerLeave: (): void => {
    followCell.onPointerLeave();
    followChanges.onPointerLeave();
  },
};
