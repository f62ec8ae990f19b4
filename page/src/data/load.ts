/** Reads the page's data files, which are scripts: a page opened from a file may not fetch. */

type Content = unknown;

declare global {
  interface Window {
    cfgsweepPage: (name: string, content: Content) => void;
    /** of a page in one file, whose data come before this script */
    cfgsweepArrived?: Map<string, Content>;
  }
}

const inOneFile = window.cfgsweepArrived !== undefined;
const arrived = window.cfgsweepArrived ?? new Map<string, Content>();

/** Must be called before any data file is loaded. */
export function listen(): void {
  window.cfgsweepPage = (name, content) => arrived.set(name, content);
}

/** The content of a file beside the page. fresh: read it again although the browser has it. Rejects where there is none. */
export function load<T>(name: string, fresh = false): Promise<T> {
  if ((inOneFile || !fresh) && arrived.has(name)) return Promise.resolve(arrived.get(name) as T);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = encodeURI(name) + (fresh ? `?${String(performance.now())}` : "");
    script.onload = () => {
      script.remove();
      if (arrived.has(name)) resolve(arrived.get(name) as T);
      else reject(new Error(`${name} is damaged`));
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${name} is not there`));
    };
    document.head.append(script);
  });
}
