/** Buttons that copy: what Python wrote for this cell, and the address of this view. */

import { useState } from "preact/hooks";
import { addressOfView } from "../state/history";
import { copied } from "../shared/copied";
import { ToCopy } from "../shared/ToCopy";
import type { Known } from "./useDetail";

interface Asked {
  cell: number;
  name: string;
  text: string;
  isCopied: boolean;
}

/** known: of the cell, or still of the one before it, whose texts are named but cannot be copied any more. */
export function Copies({ cell, known }: { cell: number; known: Known | null }) {
  const [last, setLast] = useState<Asked | null>(null);
  const asked = last?.cell === cell ? last : null;
  const isKnown = known?.cell === cell;
  const copy = async (name: string, text: string) => setLast({ cell, name, text, isCopied: await copied(text) });
  return (
    <div class="copies">
      {Object.entries(known?.detail?.copies ?? {}).map(([name, text]) => (
        <button key={name} type="button" aria-disabled={!isKnown} onClick={() => isKnown && void copy(name, text)}>
          <bdi>{name}</bdi>
        </button>
      ))}
      <button type="button" onClick={() => void copy("link", addressOfView())}>
        Link to this view
      </button>
      <p role="status">{asked?.isCopied && <>Copied: {asked.name}</>}</p>
      {asked && !asked.isCopied && <ToCopy key={asked.name} text={asked.text} />}
    </div>
  );
}
