/** The text of a filter, in the language of `cfgsweep grid --where`: `guider=tnorm,fullnorm; value<0.2; not failed`. */

import { nearest } from "./nearest";

/** States of cells, and what the user has marked. */
export const FLAGS = ["done", "failed", "waiting", "starred", "rejected"] as const;
export type Flag = (typeof FLAGS)[number];

export type Condition = { negated: boolean } & (
  | { flag: Flag }
  | { field: string; sign: "="; wanted: string[] }
  | { field: string; sign: "<" | ">" | "<=" | ">="; wanted: number }
);

export type Parsed = { conditions: Condition[] } | { error: string };

const SIGN = /^\s*(!=|<=|>=|<|>|==?)\s*(.*)$/s;
const UNKNOWN = /^([^\s<>=!]+)\s*(!=|<=|>=|<|>|==?)\s*(.*)$/s;
const ALLOWED = `FIELD=VALUE, FIELD=VALUE,VALUE, FIELD<NUMBER (likewise >, <=, >=), or one of ${FLAGS.join(", ")}`;

/** The conditions of a filter, all of which have to hold; or what is wrong with it, in words. */
export function parseFilter(text: string, fields: readonly string[]): Parsed {
  const conditions: Condition[] = [];
  for (const part of split(text, ";")) {
    if (!part.trim()) continue;
    const found = parseCondition(part.trim(), fields);
    if (typeof found === "string") return { error: found };
    conditions.push(found);
  }
  return { conditions };
}

function parseCondition(text: string, fields: readonly string[]): Condition | string {
  const positive = text.replace(/^not\s+/, "");
  const negated = positive !== text;
  const flag = FLAGS.find((one) => one === positive);
  if (flag) return { negated, flag };
  const { field, sign, given } = partsOf(positive, fields) ?? { field: "", sign: "", given: "" };
  if (!field) return notACondition(positive, fields);
  if (sign === "!=") return `There is no sign !=. Write “${negated ? "" : "not "}${field}=${given}”`;
  if (!fields.includes(field)) return unknown(field, fields);
  if (!given) return `${field}: a value is missing after ${sign}`;
  if (sign === "=" || sign === "==") return { negated, field, sign: "=", wanted: wantedOf(given) };
  const wanted = Number(given);
  if (Number.isNaN(wanted)) return `${field}${sign} needs a number, not “${given}”`;
  return { negated, field, sign: sign as "<" | ">" | "<=" | ">=", wanted };
}

/**
 * The parts of a condition that has a sign. Of fields with spaces and signs in their names the longest one counts; a
 * field may be in double quotes, and has to be where there is a semicolon in its name.
 */
export function partsOf(text: string, fields: readonly string[]): { field: string; sign: string; given: string } | null {
  let best: { field: string; sign: string; given: string } | null = null;
  for (const field of fields) {
    if (best && best.field.length >= field.length) continue;
    const name = [field, `"${field}"`].find((one) => text.startsWith(one));
    const [, sign, given = ""] = (name !== undefined && SIGN.exec(text.slice(name.length))) || [];
    if (sign !== undefined) best = { field, sign, given };
  }
  const [, field, sign = "", given = ""] = UNKNOWN.exec(text) ?? [];
  return best ?? (field === undefined ? null : { field, sign, given });
}

/** A name or a value as it stands in a filter. */
export function quoted(text: string): string {
  return /[,;]/.test(text) ? `"${text}"` : text;
}

function notACondition(text: string, fields: readonly string[]): string {
  if (fields.includes(text)) return `${text}: a sign and a value are missing, such as ${text}=… or ${text}<…`;
  const meant = nearest(text, [...FLAGS, ...fields]);
  return `“${text}” is not a condition. ${meant ? `Did you mean ${meant}? ` : ""}Allowed: ${ALLOWED}`;
}

function unknown(field: string, fields: readonly string[]): string {
  const meant = nearest(field, fields);
  return `There is no field “${field}”. ${meant ? `Did you mean ${meant}?` : `Fields: ${fields.join(", ")}`}`;
}

/** The whole text, and the values that its commas separate. Quotes keep commas and semicolons. */
function wantedOf(given: string): string[] {
  const several = split(given, ",").map((one) => unquoted(one.trim()));
  return [...new Set([unquoted(given), ...(several.length > 1 ? several : [])])];
}

function unquoted(text: string): string {
  return text.length > 1 && /^"[^"]*"$/.test(text) ? text.slice(1, -1) : text;
}

/** Splits where the separator is not within double quotes. */
function split(text: string, separator: "," | ";"): string[] {
  const parts = text.match(separator === ";" ? /(?:"[^"]*"|[^;])+/g : /(?:"[^"]*"|[^,])+/g);
  return parts ?? [];
}

/** The filter with a flag as one of its conditions, or without it; its other conditions stay as they are. */
export function withFlag(text: string, flag: Flag, isWanted: boolean): string {
  const others = split(text, ";")
    .map((part) => part.trim())
    .filter((part) => part && part !== flag && part !== `not ${flag}`);
  return (isWanted ? [...others, flag] : others).join("; ");
}

export function hasFlag(text: string, flag: Flag): boolean {
  return split(text, ";").some((part) => part.trim() === flag);
}
