// Which notes were typed and not sent yet? The tab remembers, over a reload or a session that ends.

/** The notes on a run's results, by the result's id. */
export function notesOf(runId) {
  const place = `matchstream.notes.${runId}`;
  const notes = new Map(JSON.parse(sessionStorage.getItem(place) ?? "[]"));
  const keep = () => {
    if (notes.size) sessionStorage.setItem(place, JSON.stringify([...notes]));
    else sessionStorage.removeItem(place);
  };
  return {
    get: (id) => notes.get(id),
    set(id, text) {
      notes.set(id, text);
      keep();
    },
    delete(id) {
      notes.delete(id);
      keep();
    },
  };
}
