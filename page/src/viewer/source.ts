/** Which file is shown of a cell. */

import { signal } from "@preact/signals";
import type { Run } from "../data/run";
import { wantsLessMotion } from "./motion";
import type { Reference } from "./reference";

/** Whether videos play for a user who wants less motion. */
export const playsVideos = signal(false);

interface Source {
  /** its address; null where there is no picture */
  source: string | null;
  /** whether a video, or previews, are shown as one picture */
  isStill: boolean;
}

/** The address of the reference's picture, or of its previews; null where there is none. */
export function sourceOfReference(run: Run, reference: Reference, asksPreviews: boolean): string | null {
  return reference.cell === null ? reference.picture : sourceOf(run, reference.cell, asksPreviews).source;
}

/** asksPreviews: whether the cell has previews and these are to be shown. */
export function sourceOf(run: Run, cell: number, asksPreviews: boolean): Source {
  const moves = asksPreviews || Number(run.field(cell, "frames") ?? 1) > 1;
  const still = moves && wantsLessMotion.value && !playsVideos.value ? run.thumb(cell) : null;
  if (still !== null) return { source: still, isStill: true };
  const previews = asksPreviews ? run.previews(cell) : null;
  return { source: previews ?? run.picture(cell), isStill: false };
}
