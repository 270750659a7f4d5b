// What has one set up, and not run yet? The tab remembers, over a reload or a session that ends.

const KEY = "matchstream.draft";
const KEPT = ["mappings", "threshold", "review", "missing", "name"];

const place = ({ config, reference, collection }) => JSON.stringify([config?.id ?? null, config ? config.version : null, reference.id, collection]);

/** Keep what can be changed of a state that has both sides. */
export function keepDraft(state) {
  const kept = Object.fromEntries(KEPT.map((name) => [name, state[name]]));
  sessionStorage.setItem(KEY, JSON.stringify({ place: place(state), kept }));
}

/** Return what was kept of this table and these documents, as far as its columns are there; else nothing. */
export function keptDraft(state) {
  const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (found?.place !== place(state) || !found.kept.mappings) return {};
  const there = new Set(state.columns.map((column) => column.name));
  return { ...found.kept, mappings: found.kept.mappings.filter((each) => there.has(each.target)) };
}

export const forgetDraft = () => sessionStorage.removeItem(KEY);
