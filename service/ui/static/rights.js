// What may the key do that one is signed in with? What it may not is not offered: see `data-needs` in app.css.

import { ask } from "./api.js";

export const SCOPES = [
  ["read", "see runs, results and data"],
  ["write", "upload, run, review and delete"],
  ["admin", "keys and webhooks"],
];

let session = null;

/** Ask who is signed in. Until that is known everything is offered, and the service decides. */
export async function learn() {
  session = await ask("GET", "/v1/session").catch(() => session);
  document.documentElement.dataset.lacks = SCOPES.map(([scope]) => scope).filter((scope) => !may(scope)).join(" ");
}

export const isKnown = () => session !== null;
export const may = (scope) => session === null || session.api_key.scopes.includes(scope);

/** What one does with cards: who may only read decides nothing. */
export const reviewing = () => (may("write") ? "Review" : "Look through");

/** `{workspace, api_key}` of who is signed in; null where it is not known. */
export const signedIn = () => session;
