/** The large view of one cell, a modal dialog over the grid. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Run } from "../data/run";
import { KeysHelp } from "../shared/KeysHelp";
import { Panel } from "../panel/Panel";
import { useDetail, type Known } from "../panel/useDetail";
import { pinnedCell, view } from "../state/view";
import { ALL_KEYS, close, commandOf, isOwnKey } from "./commands";
import { usePlayer } from "./player";
import { sourceOf } from "./source";
import { Stage } from "./Stage";
import { Titles } from "./Titles";
import { titleOf } from "./settings";
import { Toolbar } from "./Toolbar";
import { useNeighbours } from "./useNeighbours";

export function Viewer({ run, cell }: { run: Run; cell: number }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [hasHelp, setHelp] = useState(false);
  const [there, setThere] = useState<string | null>(null);
  const known = useDetail(run, cell);
  const { large, compare } = view.value;
  const pinned = pinnedCell.value;
  const other = useDetail(run, pinned);
  const previews = hasPreviews(known, cell);
  const { source, isStill } = sourceOf(run, cell, large.previews && previews);
  const pinnedSource =
    pinned === null ? null : sourceOf(run, pinned, large.previews && hasPreviews(other, pinned)).source;
  const reference = pinned !== null && pinnedSource !== null ? { cell: pinned, source: pinnedSource } : null;
  const isThere = source === null || there === source;

  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>(".stage")?.focus();
  }, []);
  usePlayer(cell, isThere);
  useNeighbours(run, cell, isThere);

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
        <Titles run={run} cell={cell} reference={pinned} />
        <button type="button" class="close" aria-label="Close" title="Esc" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </div>
      <Stage run={run} cell={cell} source={source} reference={compare === "none" ? null : reference} onThere={setThere} />
      <Toolbar run={run} cell={cell} hasPreviews={previews} isStill={isStill} onHelp={() => setHelp(true)} />
      {large.panel && <Panel run={run} cell={cell} reference={pinned} known={known} other={other} />}
      <p class="unseen" role="status">{titleOf(run, cell)}</p>
      {hasHelp && <KeysHelp keys={ALL_KEYS} onClose={() => setHelp(false)} />}
    </dialog>
  );
}

function hasPreviews(known: Known | null, cell: number): boolean {
  return known?.cell === cell && known.detail?.hasPreviews === true;
}
