/** Thumbnails for a canvas: decoded at the size at which they are drawn, so that a thousand of them take little memory. */

/** of pictures that are loaded at a time */
const AT_ONCE = 16;

type Bitmap = ImageBitmap | "loading" | "missing";

export class Thumbnails {
  private readonly bitmaps = new Map<string, Bitmap>();
  private readonly queue: string[] = [];
  private loading = 0;

  /** side: the longest side at which they are drawn, in device pixels. onCome: called when there are more. */
  constructor(
    private readonly width: number,
    private readonly height: number,
    private readonly onCome: () => void,
  ) {}

  /** null where it is not there yet, or cannot be read. */
  get(source: string): ImageBitmap | null {
    const found = this.bitmaps.get(source);
    return typeof found === "object" ? found : null;
  }

  /** Loads these, the ones that are missing, and frees all others. */
  want(sources: ReadonlySet<string>): void {
    for (const [source, bitmap] of this.bitmaps) {
      if (sources.has(source) || bitmap === "loading") continue;
      if (typeof bitmap === "object") bitmap.close();
      this.bitmaps.delete(source);
    }
    this.queue.length = 0;
    for (const source of sources) if (!this.bitmaps.has(source)) this.queue.push(source);
    this.next();
  }

  close(): void {
    this.want(new Set());
  }

  private next(): void {
    while (this.loading < AT_ONCE) {
      const source = this.queue.shift();
      if (source === undefined) return;
      this.loading++;
      this.bitmaps.set(source, "loading");
      void this.read(source).then((bitmap) => {
        this.loading--;
        this.bitmaps.set(source, bitmap ?? "missing");
        if (bitmap) this.onCome();
        this.next();
      });
    }
  }

  private async read(source: string): Promise<ImageBitmap | null> {
    const image = new Image();
    image.src = source;
    try {
      await image.decode();
      const { naturalWidth, naturalHeight } = image;
      const scale = Math.min(this.width / naturalWidth, this.height / naturalHeight, 1);
      return await createImageBitmap(image, {
        resizeWidth: Math.max(1, Math.round(naturalWidth * scale)),
        resizeHeight: Math.max(1, Math.round(naturalHeight * scale)),
        resizeQuality: "medium",
      });
    } catch {
      return null;
    } finally {
      image.src = "";
    }
  }
}
