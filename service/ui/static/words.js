// How are numbers, times and states said?

export const STATUS = {
  queued: "Waiting",
  running: "Running",
  ai_resolving: "Asking the AI",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};
export const REVIEWED = { pending: "waiting", approved: "approved", rejected: "rejected" };
export const RESOLVERS = { rules: "rules", ai: "AI", review: "review" };
export const TERMINAL = new Set(["completed", "failed", "cancelled"]);
export const RUN_EVENTS = ["run.queued", "run.started", "run.progress", "run.ai_resolving", "run.completed", "run.failed", "run.cancelled"];

export const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
const isNothing = (value) => value === null || value === undefined;
// Only all is a hundred percent, and only nothing is none.
const tenths = (share) => (share > 0 && share < 1 ? Math.min(999, Math.max(1, Math.round(share * 1000))) : share * 1000);

/** A share in percent, with one digit after the point where there is one to show. */
export const percent = (value) => (isNothing(value) ? "–" : `${tenths(value) / 10} %`);
/** The same for confidences and scores, rounded down: what is below a threshold never looks as if it reached it. */
export const confidence = (value) => (isNothing(value) ? "–" : `${Math.floor(value * 1000 + 1e-3) / 10} %`);
/** What a control in percent holds for a share, and back. */
export const inPercent = (share) => Number((share * 100).toFixed(2));
export const ofPercent = (text) => Number((Number(text) / 100).toFixed(4));

/** What stands for a value that is not there; null for one that is. */
export const absence = (value) => (isNothing(value) ? "missing" : String(value).trim() ? null : "blank");
/** Who reviewed, by the name of the key. */
export const byKey = (name) => `by key ${name}`;

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 59.5) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3570) return `${Math.round(seconds / 60)} min`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function ago(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < 86400) return `${duration(seconds)} ago`;
  return new Date(moment).toLocaleString();
}

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

export function bytes(size) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = size < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3));
  return `${(size / 1000 ** power).toFixed(power && size / 1000 ** power < 10 ? 1 : 0)} ${units[power]}`;
}

export const shortened = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
