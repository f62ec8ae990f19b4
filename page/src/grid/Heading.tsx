import type { Axis } from "../data/types";
import { hideValue, showOnly } from "../controls/hidden";
import { Breakable } from "../shared/Breakable";
import { change, view } from "../state/view";
import { active, moveTo } from "./shown";
import type { Place } from "./pivot";

interface HeadingProps {
  axis: Axis;
  value: number;
  place: Place;
  turned?: boolean;
  role: "columnheader" | "rowheader";
  index: number;
  span: number;
  style: Record<string, string>;
  /** where its text stays in the window */
  textStyle: Record<string, string>;
}

/** The heading of some lines. A click hides its value; with the shift key it hides all other ones. */
export function Heading(props: HeadingProps) {
  const { axis, value, place, role } = props;
  const { row, column } = active.value;
  const isActive = place.row === row && place.column === column;
  const { title, text } = axis.values[value] ?? { title: "", text: "" };
  const press = (event: MouseEvent | KeyboardEvent) => {
    moveTo(place);
    const hidden = event.shiftKey ? showOnly(axis, value, view.value.hidden) : hideValue(axis, value, view.value.hidden);
    change({ hidden });
  };
  const span = role === "columnheader" ? { "aria-colspan": props.span } : { "aria-rowspan": props.span };
  return (
    <div
      class={`heading ${role}`}
      role={role}
      aria-colindex={props.index}
      {...span}
      tabIndex={isActive ? 0 : -1}
      data-active={isActive || undefined}
      style={props.style}
      title={`${title}\nClick: hide. Shift and click: hide the others.`}
      aria-description="Enter hides this value, Shift and Enter hides all others"
      onClick={press}
      onKeyDown={(event) => {
        if (event.key === "Enter" || event.key === "Delete") press(event);
      }}
      onFocus={() => {
        if (!isActive) moveTo(place, false);
      }}
    >
      <div class={props.turned ? "heading-text turned" : "heading-text"} dir="auto" style={props.textStyle}>
        <Breakable text={text} />
      </div>
    </div>
  );
}
