/** Where the wipe divides the pictures: a range as wide as the picture, for mouse, finger and keys alike. */

import { changeLarge, view } from "../state/view";
import { drag } from "./drag";

/** onDone: called when the pointer lets go of it, so that arrow keys step through the grid again. */
export function WipeHandle({ onDone }: { onDone: () => void }) {
  const { split } = view.value.large;
  return (
    <>
      <input
        class="wipe-range"
        type="range"
        min={0}
        max={100}
        step={0.5}
        value={split}
        aria-label="Divide: reference on the left, picture on the right"
        aria-valuetext={`${split}% reference`}
        onInput={(event) => changeLarge({ split: Number(event.currentTarget.value) })}
        onPointerDown={(event) => drag(event, event.currentTarget, () => undefined, onDone)}
      />
      <span class="wipe-line" style={{ left: `${split}%` }} aria-hidden="true" />
    </>
  );
}
