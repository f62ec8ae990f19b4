/** How large pictures are on the screen. Sizes are in CSS pixels if nothing else is said. */

export interface Size {
  width: number;
  height: number;
}

/**
 * The size of a picture: as large as fits into its place, or `scale` device pixels for each of its own. Whole CSS
 * pixels where it fits, so that nothing is drawn between pixels.
 */
export function shownSize(picture: Size, place: Size, scale: number, devicePixelRatio: number): Size {
  if (scale > 0)
    return { width: (picture.width * scale) / devicePixelRatio, height: (picture.height * scale) / devicePixelRatio };
  const factor = Math.min(place.width / picture.width, place.height / picture.height);
  const whole = (length: number) => Math.max(1, Math.floor(length * factor + 1e-6));
  return { width: whole(picture.width), height: whole(picture.height) };
}

/** Two places side by side or, where that shows the pictures larger, one above the other. gap: between them. */
export function halves(place: Size, picture: Size, gap: number): { place: Size; isRow: boolean } {
  const beside = { width: (place.width - gap) / 2, height: place.height };
  const above = { width: place.width, height: (place.height - gap) / 2 };
  const factor = (one: Size) => Math.min(one.width / picture.width, one.height / picture.height);
  const isRow = factor(beside) >= factor(above);
  return { place: isRow ? beside : above, isRow };
}

/** Whether the picture is enlarged, so that its pixels are shown as squares. */
export function isEnlarged(picture: Size, shown: Size, devicePixelRatio: number): boolean {
  return shown.width * devicePixelRatio >= picture.width;
}

/** The next larger (by 1) or smaller (by -1) scale of a list; from 0, as large as fits, the first. Smaller than the first: 0. */
export function nextScale(scale: number, by: 1 | -1, scales: readonly number[]): number {
  const at = scales.indexOf(scale) + by;
  return scales[Math.min(at, scales.length - 1)] ?? 0;
}
