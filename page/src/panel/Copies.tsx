/** Buttons that copy: what Python wrote for this cell, and the address of this view. */

import { useState } from "preact/hooks";
import { copied } from "../shared/copied";
import { ToCopy } from "../shared/ToCopy";

interface Asked {
  name: string;
  text: string;
  isCopied: boolean;
}

export function Copies({ copies }: { copies: Record<string, string> }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const copy = async (name: string, text: string) => setAsked({ name, text, isCopied: await copied(text) });
  return (
    <div class="copies">
      {Object.entries(copies).map(([name, text]) => (
        <button key={name} type="button" onClick={() => void copy(name, text)}>
          <bdi>{name}</bdi>
        </button>
      ))}
      <button type="button" onClick={() => void copy("link", location.href)}>
        Link to this view
      </button>
      <p role="status">{asked?.isCopied && <>Copied: {asked.name}</>}</p>
      {asked && !asked.isCopied && <ToCopy key={asked.name} text={asked.text} />}
    </div>
  );
}
