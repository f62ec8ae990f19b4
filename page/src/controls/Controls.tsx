import type { Run } from "../data/run";
import { Filter } from "../filter/Filter";
import { OverlayControls } from "../overlay/OverlayControls";

export function Controls(props: { run: Run }) {
  return (
    <>
      <Filter run={props.run} />
      <OverlayControls run={props.run} />
    </>
  );
}
