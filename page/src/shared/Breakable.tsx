import { Fragment } from "preact";
import { breakable } from "./breaks";

export function Breakable({ text }: { text: string }) {
  return breakable(text).map((part, place) => (
    <Fragment key={place}>
      {place > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}
