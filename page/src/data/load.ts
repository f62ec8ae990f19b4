/** Reads the page's data files, which are scripts: a page opened from a file may not fetch. */

type Content = unknown;

declare global {
  interface Window {
    cfgsweepPage: (name: string, content: Content) => void;
    /** of a page in one file, whose data come before this script */
    cfgsweepArrived?: Map<string, Content>;
  }
}

/** in milliseconds, after which a file is tried again: one that is being copied is there later */
const AGAIN = [200, 600, 1800];

const inOneFile = window.cfgsweepArrived !== undefined;
const arrived = window.cfgsweepArrived ?? new Map<string, Content>();
const loading = new Map<string, Promise<Content>>();

/** Must be called before any data file is loaded. */
export function listen(): void {
  window.cfgsweepPage = (name, content) => arrived.set(name, content);
}

/** The content of a file beside the page. Rejects where there is none, or no content in it. */
export async function load<T>(name: string): Promise<T> {
  if (arrived.has(name)) return arrived.get(name) as T;
  const known = loading.get(name) ?? tried(name, false).finally(() => loading.delete(name));
  loading.set(name, known);
  return (await known) as T;
}

/** The same of a file that is replaced when the run goes on: read again although the browser has it. */
export async function loadAgain<T>(name: string): Promise<T> {
  if (inOneFile) return load<T>(name);
  arrived.delete(name);
  return (await tried(name, true)) as T;
}

/** Frees the memory of a file's content. */
export function forget(name: string): void {
  if (!inOneFile) arrived.delete(name);
}

async function tried(name: string, again: boolean): Promise<Content> {
  for (const pause of AGAIN) {
    try {
      return await inserted(name, again);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause));
      again = true;
    }
  }
  return inserted(name, again);
}

function inserted(name: string, again: boolean): Promise<Content> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = encodeURI(name) + (again ? `?${String(performance.now())}` : "");
    script.onload = () => {
      script.remove();
      if (arrived.has(name)) resolve(arrived.get(name));
      else reject(new Error(`${name} is damaged.`));
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${name} is not there.`));
    };
    document.head.append(script);
  });
}
