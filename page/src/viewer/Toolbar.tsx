/** Buttons for what the keys do. */

import type { ComponentChildren } from "preact";
import { changeLarge, view } from "../state/view";
import { GAINS, SCALES } from "../state/large";
import type { Run } from "../data/run";
import { Marks } from "../marks/Marks";
import { advice, compare, pin, swap, toggleControl } from "./compare";
import { reference } from "./reference";
import { playsVideos } from "./source";
import { Steppers } from "./Steppers";

interface Props {
  run: Run;
  cell: number;
  hasPreviews: boolean;
  /** of whose x0 these are; null where that is not known */
  previewSteps: readonly number[] | null;
  /** whether it is a video that does not play by itself */
  isStill: boolean;
  onHelp: () => void;
}

export function Toolbar({ run, cell, hasPreviews, previewSteps, isStill, onHelp }: Props) {
  const { large } = view.value;
  return (
    <div class="toolbar" role="group" aria-label="Large view">
      <Steppers run={run} cell={cell} />
      <Comparing hasControls={run.hasControls} />
      <label class="choice">
        Size{" "}
        <select
          value={String(large.scale)}
          onChange={(event) => changeLarge({ scale: Number(event.currentTarget.value) })}
        >
          <option value="0">fit</option>
          {SCALES.map((scale) => (
            <option key={scale} value={String(scale)}>{`${scale} ×`}</option>
          ))}
        </select>
      </label>
      {isStill && (
        <button type="button" onClick={() => void (playsVideos.value = true)}>
          Play the video
        </button>
      )}
      {hasPreviews && (
        <Toggle isOn={large.previews} label="v" onClick={() => changeLarge({ previews: !large.previews })}>
          Previews
        </Toggle>
      )}
      {hasPreviews && large.previews && previewSteps && (
        <span class="preview-steps">{`x0 after steps ${previewSteps.join(", ")}, in turn`}</span>
      )}
      <Toggle isOn={large.panel} label="i" onClick={() => changeLarge({ panel: !large.panel })}>
        Details
      </Toggle>
      <button type="button" title="?" onClick={onHelp}>
        Keys
      </button>
      <div data-cell={cell}>
        <Marks run={run} cell={cell} />
      </div>
    </div>
  );
}

function Comparing({ hasControls }: { hasControls: boolean }) {
  const { compare: way, large, open, pinned } = view.value;
  return (
    <div class="comparing" role="group" aria-label="Comparing">
      <Toggle isOn={!large.control && pinned !== null && pinned === open} label="p" onClick={pin}>
        Reference
      </Toggle>
      {hasControls && (
        <Toggle isOn={large.control} label="c" onClick={toggleControl}>
          Control
        </Toggle>
      )}
      <button type="button" title="r" aria-disabled={(reference.value?.cell ?? null) === null} onClick={swap}>
        Swap
      </button>
      <Toggle isOn={way === "wipe"} label="w" onClick={() => compare("wipe")}>
        Wipe
      </Toggle>
      <Toggle isOn={way === "difference"} label="d" onClick={() => compare("difference")}>
        Difference
      </Toggle>
      {way === "difference" && (
        <select
          aria-label="What differences are multiplied by"
          value={String(large.gain)}
          onChange={(event) => changeLarge({ gain: Number(event.currentTarget.value) })}
        >
          {GAINS.map((gain) => (
            <option key={gain} value={String(gain)}>{`× ${gain}`}</option>
          ))}
        </select>
      )}
      <Toggle isOn={way === "side"} label="s" onClick={() => compare("side")}>
        Side by side
      </Toggle>
      <output class="advice">{advice.value}</output>
    </div>
  );
}

/** label: its key. */
function Toggle(props: { isOn: boolean; label: string; onClick: () => void; children: ComponentChildren }) {
  return (
    <button type="button" aria-pressed={props.isOn} aria-keyshortcuts={props.label} title={props.label} onClick={props.onClick}>
      {props.children}
    </button>
  );
}
