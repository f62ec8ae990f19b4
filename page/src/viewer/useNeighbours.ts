import { useEffect } from "preact/hooks";
import type { Run } from "../data/run";
import { view } from "../state/view";
import { axesAlong, playedAxis, reached } from "./moves";
import { preload } from "./preload";
import { controlOf } from "./reference";

/** Loads the pictures to which the next step may lead, and their controls where these are shown, once the cell's own is there. */
export function useNeighbours(run: Run, cell: number, isShown: boolean): void {
  const hasControl = view.value.large.control;
  useEffect(() => {
    if (!isShown) return;
    const played = playedAxis(run, view.value);
    const lines = [axesAlong("columns"), axesAlong("rows"), axesAlong("third"), played === null ? [] : [played]];
    const cells = lines.flatMap((axes) => [reached(cell, axes, -1), reached(cell, axes, 1, axes.length === 1)]);
    const known = cells.filter((one) => one !== null);
    const controls = hasControl ? known.map((one) => controlOf(run, one)?.picture ?? null) : [];
    preload([...known.map((one) => run.picture(one)), ...controls].filter((one) => one !== null));
  }, [run, cell, isShown, hasControl]);
}
