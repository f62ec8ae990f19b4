import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** A button with what it opens below it; Escape, and a click elsewhere, close it. */
export function Menu(props: { label: string; children: () => ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  const element = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const close = (event: Event) => {
      const isOutside = event.target instanceof Node && !element.current?.contains(event.target);
      const isEscape = event instanceof KeyboardEvent && event.key === "Escape";
      if (isEscape) element.current?.querySelector("summary")?.focus();
      if (isEscape || (event.type !== "keydown" && isOutside)) setOpen(false);
    };
    const kinds = ["pointerdown", "keydown", "focusin"] as const;
    for (const kind of kinds) document.addEventListener(kind, close);
    return () => {
      for (const kind of kinds) document.removeEventListener(kind, close);
    };
  }, [isOpen]);
  return (
    <details class="menu" ref={element} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{props.label}</summary>
      {isOpen && <div class="menu-content">{props.children()}</div>}
    </details>
  );
}
