// Where was one when the session ended? The tab remembers, so that signing in leads back there.

const PLACE = "matchstream.place";
const SIGNED_IN = "matchstream.signed-in";

let isLeaving = false;

/** Leave for the sign-in page, which says so where a session has ended; several may ask at once. */
export function askToSignIn() {
  if (isLeaving) return;
  isLeaving = true;
  sessionStorage.setItem(PLACE, location.hash);
  const hadSession = sessionStorage.getItem(SIGNED_IN);
  sessionStorage.removeItem(SIGNED_IN);
  location.assign(hadSession ? "/login?ended" : "/login");
}

export const isAskedToSignIn = () => isLeaving;

/** Note that the service knows who asks. */
export function noteSession() {
  sessionStorage.setItem(SIGNED_IN, "yes");
}

/** Go back to where one was when one was asked to sign in. */
export function comeBack() {
  const place = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  if (place && !location.hash) history.replaceState(null, "", place);
}

/** Remember nothing: who signs out wants to be nowhere. */
export const forgetSession = () => sessionStorage.clear();
