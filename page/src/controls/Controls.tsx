import { useEffect, useState } from "preact/hooks";
import type { Run } from "../data/run";
import { Filter } from "../filter/Filter";
import { Sort } from "../filter/Sort";
import { MarksControls } from "../marks/MarksControls";
import { OverlayControls } from "../overlay/OverlayControls";
import { Shelves } from "./Shelves";
import { Sliders } from "./Sliders";
import { HiddenValues, Values } from "./Values";
import { Zoom } from "./Zoom";

const WIDE = "(min-width: 700px)";

/** What is shown and how; on narrow windows all but the sliders is behind a button. */
export function Controls(props: { run: Run }) {
  const { run } = props;
  const [isOpen, setOpen] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    const wide = matchMedia(WIDE);
    // There is no button on wide windows.
    const follow = () => setOpen(wide.matches);
    wide.addEventListener("change", follow);
    return () => wide.removeEventListener("change", follow);
  }, []);
  return (
    <>
      <details class="controls" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>View</summary>
        <div class="controls-content">
          <Shelves run={run} />
          <Values run={run} />
          <Zoom />
          <Filter run={run} />
          <Sort run={run} />
          <OverlayControls run={run} />
          <MarksControls run={run} />
        </div>
      </details>
      <Sliders />
      <HiddenValues run={run} />
    </>
  );
}
