/** Where long names may be broken, before they are broken anywhere. */

/** in characters: it has room in one line of any heading */
const SHORT = 8;

/** A text in parts: `k_decay=0.35313` ends a part after `=` and `_`, and a point between letters. Numbers and short words stay whole. */
export function breakable(text: string): string[] {
  return text
    .split(/(?<= )/)
    .flatMap((word) => (word.trimEnd().length > SHORT ? word.split(/(?<=[=_]|[a-z]\.(?=[a-z]))/i) : [word]));
}
