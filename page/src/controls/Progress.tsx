import { useMemo } from "preact/hooks";
import type { Run } from "../data/run";

/** How far a run is that still goes on. Screen readers are told at every tenth of it. */
export function Progress({ run }: { run: Run }) {
  const { ended, failed } = useMemo(() => countsOf(run), [run]);
  const tenths = Math.floor((10 * ended) / Math.max(1, run.size));
  if (run.head.state !== "running") return null;
  return (
    <p class="progress">
      <span aria-hidden="true">
        {ended} of {run.size} done{failed > 0 && `, ${failed} of them failed`}, running
      </span>
      <span class="hidden-text" role="status">{`${tenths * 10} % done, running`}</span>
    </p>
  );
}

function countsOf(run: Run): { ended: number; failed: number } {
  const counts = { ended: 0, failed: 0 };
  for (let cell = 0; cell < run.size; cell++) {
    const state = run.state(cell);
    if (state !== "waiting") counts.ended++;
    if (state === "failed") counts.failed++;
  }
  return counts;
}
