/** Playing an axis: its pictures one after the other, each once it is there, from the first again after the last. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { run, view } from "../state/view";
import { wantsLessMotion } from "./motion";
import { playedAxis, reached, show } from "./moves";

export const isPlaying = signal(false);

/** Milliseconds for which each picture stays. */
const PAUSE = 400;
const PAUSE_WITH_LESS_MOTION = 1500;

/** isShown: whether the cell's picture is on the screen. */
export function usePlayer(cell: number, isShown: boolean): void {
  const plays = isPlaying.value;
  useEffect(() => {
    if (!plays || !isShown) return;
    const timer = setTimeout(() => {
      const axis = run.value && playedAxis(run.value, view.value);
      const next = axis === null ? null : reached(cell, [axis], 1, true);
      if (next === null) isPlaying.value = false;
      else show(next);
    }, wantsLessMotion.value ? PAUSE_WITH_LESS_MOTION : PAUSE);
    return () => clearTimeout(timer);
  }, [plays, isShown, cell]);
  useEffect(() => () => void (isPlaying.value = false), []);
}
