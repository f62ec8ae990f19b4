/** Where long names may be broken, before they are broken anywhere. */

/** A text in parts: `k_decay=0.35313` ends a part after `=` and `_`, and a point between letters. Numbers stay whole. */
export function breakable(text: string): string[] {
  return text.split(/(?<=[=_]|[a-z]\.(?=[a-z]))/i);
}
