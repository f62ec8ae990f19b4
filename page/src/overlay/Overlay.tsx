import type { Run } from "../data/run";
import { drawn, numberShown, type Drawn } from "./metric";
import { changesAt } from "./notes";
import { colourOf, textColourOf } from "./scale";

/** What is drawn over a cell: its number of the metric, and where the picture changes abruptly. `notesOf` has it in words. */
export function Overlay(props: { run: Run; cell: number }) {
  const shown = drawn.value;
  return (
    <>
      {shown && <MetricNumber shown={shown} cell={props.cell} />}
      {changesAt(props.cell).map(({ side, text }) => (
        <span key={text} class={`change ${side}`} data-text={text} aria-hidden="true" />
      ))}
    </>
  );
}

function MetricNumber({ shown, cell }: { shown: Drawn; cell: number }) {
  const number = numberShown(shown, cell);
  if (!number) return null;
  const { text, share } = number;
  const colours = { "--colour": colourOf(share), "--on-colour": textColourOf(share), "--share": share };
  return (
    <span class={`overlay ${shown.as}`} style={colours} aria-hidden="true">
      <span class="number">{text}</span>
    </span>
  );
}
