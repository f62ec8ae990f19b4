import { useSignal } from "@preact/signals";
import type { Run } from "../data/run";
import { excludeBlock } from "./exclude";
import { marked, storageProblem, toJson, type Marked } from "./store";

/** How many cells are starred and rejected, and their export. */
export function MarksControls(props: { run: Run }) {
  const marks = marked.value;
  const told = useSignal("");
  // Where the browser does not let a page copy, the text is shown to be copied by hand.
  const byHand = useSignal<string | null>(null);
  const copyExclude = async () => {
    const block = excludeBlock(props.run, rejectedCells(props.run, marks));
    byHand.value = null;
    if ("problem" in block) {
      told.value = block.problem;
      return;
    }
    try {
      await navigator.clipboard.writeText(block.yaml);
      told.value = "Copied: paste it into the sweep file.";
    } catch {
      byHand.value = block.yaml;
      told.value = "Copy it from here:";
    }
  };
  return (
    <details class="marks-controls">
      <summary>
        ★ {marks.starred.size} ✕ {marks.rejected.size} <span class="unseen">starred and rejected</span>
      </summary>
      <div class="menu">
        <p>
          <kbd>f</kbd> stars and <kbd>x</kbd> rejects the picture that has the focus.
        </p>
        <button type="button" onClick={() => download(props.run, marks)}>
          Download as JSON
        </button>
        <button type="button" onClick={() => void copyExclude()}>
          Copy as exclude
        </button>
        {storageProblem.value !== null && <p class="error">{storageProblem.value}</p>}
        <output>{told.value}</output>
        {byHand.value !== null && <textarea readOnly aria-label="exclude" rows={6} value={byHand.value} />}
      </div>
    </details>
  );
}

function rejectedCells(run: Run, marks: Marked): number[] {
  return [...marks.rejected].flatMap((id) => run.cell(id) ?? []).sort((a, b) => a - b);
}

function download(run: Run, marks: Marked): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([toJson(marks)], { type: "application/json" }));
  link.download = `${run.head.name}-marks.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
