/** Whether a cell meets a condition. What depends on a value alone is worked out once for each value. */

import type { Run } from "../data/run";
import { isRounded } from "../data/rounded";
import type { AxisValue, Json } from "../data/types";
import type { Marked } from "../marks/store";
import type { Condition } from "./conditions";
import { valueOf } from "./fields";

type Test = (cell: number) => boolean;

export function matcher(run: Run, condition: Condition, marked: Marked): Test {
  const test = "flag" in condition ? ofFlag(run, condition.flag, marked) : ofField(run, condition);
  return condition.negated ? (cell) => !test(cell) : test;
}

function ofFlag(run: Run, flag: "done" | "failed" | "waiting" | "starred" | "rejected", marked: Marked): Test {
  if (flag === "starred" || flag === "rejected") return (cell) => marked[flag].has(run.id(cell));
  return (cell) => run.state(cell) === flag;
}

function ofField(run: Run, condition: Exclude<Condition, { flag: unknown }>): Test {
  const { field } = condition;
  const axis = run.axis(field);
  if (axis) {
    const isMet = (value: AxisValue) =>
      condition.sign === "=" ? namesOf(field, value).some((one) => isWanted(one, condition)) : isWanted(value.number, condition);
    const holds = axis.values.map(isMet);
    return (cell) => holds[run.value(cell, field)] ?? false;
  }
  const own = valueOf(run, field);
  const known = new Map<Json, boolean>();
  return (cell) => {
    const value = own(cell);
    let holds = known.get(value);
    if (holds === undefined) known.set(value, (holds = isWanted(value, condition)));
    return holds;
  };
}

/** What a value of an axis can be called; a guider, schedule or cache also by its name alone, whatever its parameters. */
export function namesOf(axis: string, value: AxisValue): Json[] {
  const names: Json[] = [value.text, value.title];
  if (value.number !== null && !isRounded(value)) names.push(value.number);
  if (["guider", "schedule", "cache"].includes(axis)) names.push(value.text.split(" ")[0] ?? "");
  return names;
}

function isWanted(value: Json, condition: Exclude<Condition, { flag: unknown }>): boolean {
  if (condition.sign === "=") return condition.wanted.some((wanted) => isEqual(value, wanted));
  if (typeof value !== "number") return false;
  if (condition.sign === "<") return value < condition.wanted;
  if (condition.sign === ">") return value > condition.wanted;
  return condition.sign === "<=" ? value <= condition.wanted : value >= condition.wanted;
}

export function isEqual(value: Json, wanted: string): boolean {
  if (typeof value === "number") return wanted.trim() !== "" && value === Number(wanted);
  return (typeof value === "string" ? value : JSON.stringify(value)) === wanted;
}
