import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

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
  useLayoutEffect(() => {
    if (!isOpen) return;
    const place = () => element.current && keepInside(element.current);
    place();
    window.addEventListener("resize", place);
    return () => window.removeEventListener("resize", place);
  }, [isOpen]);
  return (
    <details class="menu" ref={element} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{props.label}</summary>
      {isOpen && <div class="menu-content">{props.children()}</div>}
    </details>
  );
}

const MARGIN = 10;

/** Moves what is opened to the left as far as it would be outside of the window. */
function keepInside(menu: HTMLElement): void {
  const content = menu.querySelector<HTMLElement>(".menu-content");
  if (!content) return;
  const left = menu.getBoundingClientRect().left;
  const room = document.documentElement.clientWidth - MARGIN - content.offsetWidth;
  content.style.left = `${Math.max(MARGIN, Math.min(left, room)) - left}px`;
}
