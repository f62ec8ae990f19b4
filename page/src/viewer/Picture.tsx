/** A picture. When another one is to be shown, the old one stays until the new one is decoded. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { CSSProperties } from "preact";
import type { Size } from "./layout";

interface Props {
  source: string;
  /** what is said of the picture to those who do not see it */
  title: string;
  style?: CSSProperties;
  class?: string;
  /** called when the picture of `source` is on the screen, or cannot be (null) */
  onShown?: (source: string, size: Size | null) => void;
}

export function Picture({ source, title, style, class: name, onShown }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const last = useRef({ asked: 0, shown: 0 });
  const [missing, setMissing] = useState<string | null>(null);

  useEffect(() => {
    const number = (last.current.asked += 1);
    const image = new Image();
    image.draggable = false;
    image.src = source;
    const show = (size: Size | null) => {
      // What was asked for earlier but comes later is not shown any more.
      if (number < last.current.shown || !place.current) return;
      last.current.shown = number;
      place.current.replaceChildren(...(size ? [image] : []));
      setMissing(size ? null : source);
      onShown?.(source, size);
    };
    image.decode().then(
      () => show({ width: image.naturalWidth, height: image.naturalHeight }),
      () => show(null),
    );
  }, [source]);

  return (
    <div class={`large-picture ${name ?? ""}`} style={style} role="img" aria-label={title}>
      <div ref={place} aria-hidden="true" />
      {missing === source && <p class="missing">The file of this picture is not there.</p>}
    </div>
  );
}
