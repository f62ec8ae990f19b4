import { useEffect, useRef } from "preact/hooks";

/** Where the browser allows no copying: the text, selected. */
export function ToCopy({ text }: { text: string }) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <label>
      This browser lets a page copy nothing: press Ctrl+C or ⌘C.
      <textarea ref={field} readOnly rows={6} value={text} />
    </label>
  );
}
