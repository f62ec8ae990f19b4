/** The large view of one cell, a modal dialog over the grid. */

import { useRef, useState } from "preact/hooks";
import type { Run } from "../data/run";
import { Metrics } from "../panel/Metrics";
import { Panel } from "../panel/Panel";
import { useDetail, type Known } from "../panel/useDetail";
import { KeysHelp } from "../shared/KeysHelp";
import { view } from "../state/view";
import { Announcement } from "./Announcement";
import { ALL_KEYS, close, commandOf, isOwnKey } from "./commands";
import { usePlayer } from "./player";
import { reference } from "./reference";
import { sourceOf, sourceOfReference } from "./source";
import { Stage } from "./Stage";
import { Titles } from "./Titles";
import { Toolbar } from "./Toolbar";
import { useModal } from "./useModal";
import { useNeighbours } from "./useNeighbours";

export function Viewer({ run, cell }: { run: Run; cell: number }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [hasHelp, setHelp] = useState(false);
  const [shown, setShown] = useState<string | null>(null);
  const { large, compare } = view.value;
  const other = reference.value;
  const known = useDetail(run, cell);
  const knownOther = useDetail(run, other?.cell ?? null);
  const previews = hasPreviews(known, cell);
  const { source, isStill } = sourceOf(run, cell, large.previews && previews);
  const itsSource = other && sourceOfReference(run, other, large.previews && hasPreviews(knownOther, other.cell));
  const isShown = source === null || shown === source;

  useModal(dialog);
  usePlayer(cell, isShown);
  useNeighbours(run, cell, isShown);

  const onKeyDown = (event: KeyboardEvent) => {
    const isCharacter = event.getModifierState("AltGraph");
    if (hasHelp || (!isCharacter && (event.ctrlKey || event.altKey)) || event.metaKey) return;
    if (isOwnKey(event.target, event.key)) return;
    const command = commandOf(event.key);
    if (event.key === "?") setHelp(true);
    else if (command) command.act(cell);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      class={`viewer ${large.panel ? "" : "without-panel"}`}
      ref={dialog}
      aria-labelledby="viewer-title"
      onKeyDown={onKeyDown}
      onClose={(event) => event.target === dialog.current && close()}
    >
      <div class="viewer-head">
        <Titles run={run} cell={cell} reference={other} />
        <button type="button" class="close" aria-label="Close" title="Esc" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </div>
      <Stage
        run={run}
        cell={cell}
        source={source}
        reference={compare !== "none" && other && itsSource !== null ? { title: other.title, source: itsSource } : null}
        onPicture={setShown}
      />
      {compare === "difference" && other && <DifferenceNumbers run={run} cell={cell} reference={other.cell} />}
      <Toolbar
        run={run}
        cell={cell}
        hasPreviews={previews}
        previewSteps={known?.detail?.previewSteps ?? null}
        isStill={isStill}
        onHelp={() => setHelp(true)}
      />
      {large.panel && <Panel run={run} cell={cell} reference={other?.cell ?? null} known={known} other={knownOther} />}
      <Announcement run={run} cell={cell} />
      {hasHelp && <KeysHelp keys={ALL_KEYS} onClose={() => setHelp(false)} />}
    </dialog>
  );
}

/** What can be said of a difference in numbers: a page opened from a file may not read the pixels. */
function DifferenceNumbers({ run, cell, reference }: { run: Run; cell: number; reference: number | null }) {
  return (
    <div class="difference-numbers" tabIndex={0} role="group" aria-label="Metrics of both pictures">
      {reference === null ? <p>The control is no cell of this page: its metrics are not here.</p> : (
        <Metrics run={run} cell={cell} reference={reference} />
      )}
    </div>
  );
}

function hasPreviews(known: Known | null, cell: number | null): boolean {
  return known?.cell === cell && known.detail?.hasPreviews === true;
}
