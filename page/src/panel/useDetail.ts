import { useEffect, useState } from "preact/hooks";
import type { Detail } from "../data/types";
import type { Run } from "../data/run";

export interface Known {
  cell: number;
  /** null: the cell has none yet */
  detail: Detail | null;
  /** why it could not be read */
  failure: string | null;
}

/** What is known of a cell; of the one before it while that is read; null before any is, and without a cell. */
export function useDetail(run: Run, cell: number | null): Known | null {
  const [known, setKnown] = useState<Known | null>(null);
  useEffect(() => {
    if (cell === null) {
      setKnown(null);
      return;
    }
    let isWanted = true;
    const set = (detail: Detail | null, failure: string | null) => isWanted && setKnown({ cell, detail, failure });
    run.detail(cell).then(
      (detail) => set(detail, null),
      (error: unknown) => set(null, String(error)),
    );
    return () => void (isWanted = false);
  }, [run, cell]);
  return known;
}
