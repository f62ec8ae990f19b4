import { FIRST, SMALLEST } from "../grid/geometry";
import { ownZoom, zoomBy } from "../grid/shown";
import { change, view } from "../state/view";

/** The size of pictures in the grid. */
export function Zoom() {
  const { zoom } = view.value;
  const own = ownZoom.value;
  const steps = (by: number) => () => change({ zoom: zoomBy(by) });
  const top = Math.max(1024, own);
  return (
    <div class="zoom" role="group" aria-label="Zoom">
      <span class="axis-label" aria-hidden="true">Zoom</span>
      <button type="button" aria-label="Smaller" title="Smaller (-)" onClick={steps(-1)}>−</button>
      <input
        type="range"
        min={Math.log2(SMALLEST)}
        max={Math.log2(top)}
        step={0.25}
        value={Math.log2(zoom || FIRST)}
        aria-label="Longest side of a picture"
        aria-valuetext={zoom ? `${zoom} pixels` : "as large as fits"}
        onInput={(event) => change({ zoom: Math.round(2 ** Number(event.currentTarget.value)) })}
      />
      <button type="button" aria-label="Larger" title="Larger (+)" onClick={steps(1)}>+</button>
      <button type="button" aria-pressed={zoom === 0} title="As large as fits into the window (0)" onClick={() => change({ zoom: 0 })}>
        Fit
      </button>
      <button type="button" aria-pressed={zoom === own} title="The pictures' own pixels (1)" onClick={() => change({ zoom: own })}>
        {own} px
      </button>
    </div>
  );
}
