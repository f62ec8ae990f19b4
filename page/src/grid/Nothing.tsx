/** In place of pictures where the filter, or what is hidden, leaves none. */
export function Nothing() {
  return <p class="nothing" role="status">No cell is shown. Change the filter or show hidden values again.</p>;
}
