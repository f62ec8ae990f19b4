import { useMemo, useState } from "preact/hooks";
import type { Detail } from "../data/types";
import { Breakable } from "../shared/Breakable";
import { fieldsOf } from "./fields";

/** Longer texts are shown when asked for. */
const LONG = 300;

/** The fields of a record; those that differ from the reference's are marked. */
export function RecordFields({ detail, reference }: { detail: Detail; reference: Detail | null }) {
  const fields = useMemo(() => fieldsOf(detail.record), [detail]);
  const other = useMemo(
    () => reference && new Map(fieldsOf(reference.record).map((field) => [field.name, field.text])),
    [reference],
  );
  return (
    <dl class="fields">
      {fields.map(({ name, text }) => {
        const differs = other !== null && other.get(name) !== text;
        return (
          <div key={name} class={differs ? "differs" : ""}>
            <dt dir="auto">
              <Breakable text={name} />
            </dt>
            <dd dir="auto">
              <Text text={text} />
              {differs && <span class="of-reference"> (reference: <Text text={other.get(name) ?? "–"} />)</span>}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Text({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  if (text.length <= LONG || isWhole) return <bdi>{text}</bdi>;
  return (
    <>
      <bdi>{`${text.slice(0, LONG)} …`}</bdi>{" "}
      <button type="button" onClick={() => setWhole(true)}>{`all ${text.length} characters`}</button>
    </>
  );
}
