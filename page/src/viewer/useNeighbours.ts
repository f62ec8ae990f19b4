import { useEffect } from "preact/hooks";
import type { Run } from "../data/run";
import { view } from "../state/view";
import { axesAlong, playedAxis, reached } from "./moves";
import { preload } from "./preload";

/** Loads the pictures to which the next step may lead, once the cell's own is there. */
export function useNeighbours(run: Run, cell: number, isThere: boolean): void {
  useEffect(() => {
    if (!isThere) return;
    const played = playedAxis(run, view.value);
    const lines = [axesAlong("columns"), axesAlong("rows"), axesAlong("third"), played === null ? [] : [played]];
    const cells = lines.flatMap((axes) => [reached(cell, axes, -1), reached(cell, axes, 1, axes.length === 1)]);
    preload(cells.flatMap((one) => (one === null ? [] : (run.picture(one) ?? []))));
  }, [run, cell, isThere]);
}
