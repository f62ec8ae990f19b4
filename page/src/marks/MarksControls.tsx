import { useSignal } from "@preact/signals";
import { Menu } from "../controls/Menu";
import type { Run } from "../data/run";
import { ToCopy } from "../shared/ToCopy";
import { copied } from "../shared/copied";
import { excludeBlock } from "./exclude";
import { marked, storageProblem, toJson, type Marked } from "./store";

/** How many cells are starred and rejected, and their export. */
export function MarksControls(props: { run: Run }) {
  const { starred, rejected } = marked.value;
  return <Menu label={`Marked: ★ ${starred.size} ✕ ${rejected.size}`}>{() => <Export run={props.run} />}</Menu>;
}

function Export({ run }: { run: Run }) {
  const told = useSignal("");
  const byHand = useSignal<string | null>(null);
  const copyExclude = async () => {
    const block = excludeBlock(run, rejectedCells(run, marked.value));
    const isCopied = "yaml" in block && (await copied(block.yaml));
    byHand.value = "yaml" in block && !isCopied ? block.yaml : null;
    told.value = "problem" in block ? block.problem : isCopied ? "Copied: paste it into the sweep file." : "";
  };
  return (
    <div class="marks-export">
      <p>
        <kbd>f</kbd> stars and <kbd>x</kbd> rejects the picture that has the focus.
      </p>
      <button type="button" onClick={() => download(run, marked.value)}>
        Download as JSON
      </button>
      <button type="button" onClick={() => void copyExclude()}>
        Copy rejected as exclude
      </button>
      {storageProblem.value !== null && <p class="error">{storageProblem.value}</p>}
      <p role="status">{told.value}</p>
      {byHand.value !== null && <ToCopy text={byHand.value} />}
    </div>
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
