/** What the picture and the reference are; settings in which they differ are marked. */

import type { Run } from "../data/run";
import { view } from "../state/view";
import { settingsOf } from "./settings";

const OWN_PLACE = { none: "Picture", wipe: "Picture (right)", difference: "Picture", side: "Picture (right)" };
const ITS_PLACE = { none: "Reference", wipe: "Reference (left)", difference: "Reference", side: "Reference (left)" };

export function Titles({ run, cell, reference }: { run: Run; cell: number; reference: number | null }) {
  const { compare } = view.value;
  return (
    <div class="titles">
      <h2 id="viewer-title">
        {reference !== null && <span class="which">{OWN_PLACE[compare]}: </span>}
        <Settings run={run} cell={cell} other={reference} />
      </h2>
      {reference !== null && (
        <p class="reference-title">
          <span class="which">
            {ITS_PLACE[compare]}
            {hasOtherSize(run, cell, reference) && " (scaled: its size is another)"}:{" "}
          </span>
          {reference === cell ? "this picture" : <Settings run={run} cell={reference} other={cell} />}
        </p>
      )}
    </div>
  );
}

function Settings({ run, cell, other }: { run: Run; cell: number; other: number | null }) {
  const settings = settingsOf(run, cell, other);
  if (!settings.length) return <bdi>{run.id(cell)}</bdi>;
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
