/** What is known of a cell, beside its picture. */

import type { Run } from "../data/run";
import { Copies } from "./Copies";
import { ByStep } from "./ByStep";
import { Metrics } from "./Metrics";
import { RecordFields } from "./RecordFields";
import { Section } from "./Section";
import type { Known } from "./useDetail";

interface Props {
  run: Run;
  cell: number;
  /** the cell that this one is compared with */
  reference: number | null;
  known: Known | null;
  /** what is known of the reference */
  other: Known | null;
}

export function Panel({ run, cell, reference, known, other }: Props) {
  const detail = known?.detail ?? null;
  const compared = reference !== null && reference !== cell && other?.cell === reference ? other.detail : null;
  return (
    <aside class="panel" aria-label="Details" aria-busy={known?.cell !== cell} tabIndex={0}>
      <Section title="Copy">
        <Copies cell={cell} known={known} />
      </Section>
      {run.head.metrics.length > 0 && (
        <Section title="Metrics">
          <Metrics run={run} cell={cell} reference={reference} />
        </Section>
      )}
      {known?.failure && (
        <p class="missing failed" dir="auto">
          {known.failure}
        </p>
      )}
      {detail && (
        <>
          <Section title="By step">
            <ByStep detail={detail} reference={compared} />
          </Section>
          <Section title="Record">
            <RecordFields detail={detail} reference={compared} />
          </Section>
        </>
      )}
    </aside>
  );
}
