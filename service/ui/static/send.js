// How does a file go to the service, so that one sees how far it is and can call it back?

import { take, unreachable } from "./api.js";

/** Thrown where the signal called the upload back. */
export class CalledBack extends Error {}

/**
 * Send a form; `onSent(share)` hears how much of it has left, from 0 to 1. What `signal` calls back
 * leaves nothing behind.
 */
export function send(method, path, form, { signal, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-Requested-With", "Matchstream");
    request.upload.onprogress = (event) => onSent(event.lengthComputable ? event.loaded / event.total : 0);
    request.upload.onload = () => onSent(1);
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(new CalledBack());
    request.onload = () => resolve(request);
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  }).then((request) => take(request.status, request.responseText));
}
