/** Keeps the pictures to which the next step may lead in memory. */

const LIMIT = 16;
const kept = new Map<string, HTMLImageElement>();

export function preload(sources: Iterable<string>): void {
  for (const source of sources) {
    const image = kept.get(source) ?? new Image();
    if (!image.src) {
      image.src = source;
      // A file that is not there is told of when it is to be shown.
      image.decode().catch(() => undefined);
    }
    kept.delete(source);
    kept.set(source, image);
  }
  for (const source of [...kept.keys()].slice(0, Math.max(0, kept.size - LIMIT))) kept.delete(source);
}
