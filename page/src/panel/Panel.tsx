/** What is known of a cell, beside its picture. */

import type { Run } from "../data/run";
import type { Known } from "../viewer/useDetail";

interface Props {
  run: Run;
  cell: number;
  reference: number | null;
  known: Known | null;
}

export function Panel({ run, known }: Props) {
  return (
    <aside class="panel" aria-label="Details" tabIndex={0}>
      <p>{known ? run.id(known.cell) : "…"}</p>
    </aside>
  );
}
