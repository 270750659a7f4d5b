// What did a preview leave behind, where the page was closed before it could tidy up?

const KEY = "matchstream.leftovers";
const MOST = 50;

const read = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");
const write = (paths) => localStorage.setItem(KEY, JSON.stringify(paths.slice(-MOST)));

/** Note what is to be deleted one day, before it is made use of. */
export const remember = (path) => write([...read(), path]);

/** Delete it now; what cannot be deleted yet stays noted. Survives the end of the page. */
export async function discard(path) {
  const reply = await fetch(path, { method: "DELETE", keepalive: true, headers: { "X-Requested-With": "Matchstream" } }).catch(() => null);
  if (reply && (reply.ok || reply.status === 404)) write(read().filter((each) => each !== path));
}

/** Delete what earlier pages left. */
export async function sweep() {
  for (const path of read()) await discard(path);
}
