/** Puts a text into the clipboard. False: the browser does not let the page do that. */
export async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Also where there is no clipboard at all.
    return false;
  }
}
