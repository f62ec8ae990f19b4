/** A record as lines of text. */

import type { Json } from "../data/types";

interface Field {
  /** with `.` between the names of nested fields */
  name: string;
  text: string;
}

/** The fields of a record, nested ones by their whole names; lists as JSON. */
export function fieldsOf(record: Record<string, Json>, before = ""): Field[] {
  return Object.entries(record).flatMap(([key, value]) => {
    const name = before + key;
    if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length)
      return fieldsOf(value, `${name}.`);
    return [{ name, text: typeof value === "string" ? value : JSON.stringify(value) }];
  });
}
