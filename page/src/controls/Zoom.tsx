import { largestPicture } from "../grid/shown";
import { LARGEST, SMALLEST, zoomed } from "../grid/geometry";
import { change, view } from "../state/view";

/** The size of pictures in the grid. */
export function Zoom() {
  const { zoom } = view.value;
  const { width, height } = largestPicture.value;
  const own = Math.min(LARGEST, Math.max(SMALLEST, width, height));
  const steps = (by: number) => () => change({ zoom: zoomed(zoom || 128, by) });
  const top = Math.max(1024, own);
  return (
    <div class="zoom" role="group" aria-label="Zoom">
      <span class="axis-label" aria-hidden="true">Zoom</span>
      <button type="button" aria-label="Smaller" title="Smaller (-)" onClick={steps(-1)}>−</button>
      <input
        type="range"
        min={5}
        max={Math.log2(top)}
        step={0.25}
        value={Math.log2(zoom || 128)}
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
