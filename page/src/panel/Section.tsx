import type { ComponentChildren } from "preact";

/** A part of the panel; closed at first where the window is narrow. */
export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  const isWide = window.matchMedia("(min-width: 801px)").matches;
  return (
    <details class="section" open={isWide}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}
