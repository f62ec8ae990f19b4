/** What the picture and the reference are; settings in which they differ are marked. */

import type { Run } from "../data/run";
import { digits } from "../shared/digits";
import { view } from "../state/view";
import type { Reference } from "./reference";
import { settingsOf } from "./settings";

const OWN_PLACE = { none: "Picture", wipe: "Picture (right)", difference: "Picture", side: "Picture (right)" };
const ITS_PLACE = { none: "", wipe: " (left)", difference: "", side: " (left)" };
const ITS_NAME = { chosen: "Reference", control: "Control" };

export function Titles({ run, cell, reference }: { run: Run; cell: number; reference: Reference | null }) {
  const { compare, large } = view.value;
  return (
    <div class="titles">
      <h2 id="viewer-title">
        {reference && <span class="which">{OWN_PLACE[compare]}: </span>}
        <Settings run={run} cell={cell} other={reference?.cell ?? null} />
      </h2>
      {reference && <ReferenceTitle run={run} cell={cell} reference={reference} />}
      {!reference && large.control && <p class="which">This picture has no control.</p>}
    </div>
  );
}

function ReferenceTitle({ run, cell, reference }: { run: Run; cell: number; reference: Reference }) {
  const { cell: other, kind, title } = reference;
  return (
    <p class="reference-title">
      <span class="which">
        {ITS_NAME[kind] + ITS_PLACE[view.value.compare]}
        {other !== null && hasOtherSize(run, cell, other) && " (scaled: its size is another)"}:{" "}
      </span>
      {other === cell ? "this picture" : other === null ? <bdi>{title}</bdi> : <Settings run={run} cell={other} other={cell} />}
      {kind === "control" && <ControlWords run={run} cell={cell} />}
    </p>
  );
}

/** At which effective scale the control is, which is what makes it one. */
function ControlWords({ run, cell }: { run: Run; cell: number }) {
  const scale = run.control(cell)?.effectiveScale ?? null;
  if (scale === null) return null;
  return <span class="which">{`, the baseline at the effective scale ${digits(scale)}`}</span>;
}

function Settings({ run, cell, other }: { run: Run; cell: number; other: number | null }) {
  const settings = settingsOf(run, cell, other);
  if (!settings.length) return <bdi>{run.head.name}</bdi>;
  return (
    <>
      {settings.map((setting, number) => (
        <span key={setting.axis}>
          {number > 0 && " · "}
          <bdi>{setting.differs ? <mark>{setting.title}</mark> : setting.title}</bdi>
        </span>
      ))}
    </>
  );
}

function hasOtherSize(run: Run, cell: number, other: number): boolean {
  return ["width", "height"].some((field) => run.field(cell, field) !== run.field(other, field));
}
