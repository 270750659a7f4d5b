// Who may use the service, and who is told? API keys and webhooks of the workspace.

import { fill, h } from "./dom.js";
import { drawHooks } from "./hooks.js";
import { drawKeys } from "./keys.js";
import { SCOPES, may, signedIn } from "./rights.js";

export async function showSettings(here) {
  const keys = h("section", { class: "panel", "data-needs": "admin" });
  const hooks = h("section", { class: "panel", "data-needs": "admin" });
  fill(here.view, h("h1", {}, "Settings"), SCOPES.every(([scope]) => may(scope)) ? null : ownKey(signedIn()), keys, hooks);
  if (!may("admin")) return;
  const parts = [part(here, keys, "API keys", drawKeys), part(here, hooks, "Webhooks", drawHooks)];
  // What stands there may be a secret that is shown this once.
  here.again = () => parts.forEach((each) => each.hasFailed() && each.draw());
  await Promise.all(parts.map((each) => each.draw()));
}

/** What a key may do that may not do everything. */
function ownKey({ api_key: key, workspace }) {
  return h("section", { class: "panel" }, h("h2", {}, "Your key"),
    h("p", { class: "dim" }, `You are signed in with “${key.name}”, which opens the workspace “${workspace.name}”.`),
    h("dl", { class: "rights" }, SCOPES.map(([scope, text]) =>
      h("div", {}, h("dt", {}, scope, h("span", { class: "dim" }, ` ${text}`)), h("dd", { class: may(scope) ? "status completed" : "status cancelled" }, may(scope) ? "yes" : "no")))),
    h("p", { class: "dim" }, "To do more, sign out, and sign in with a key that may. Keys are made by who has one with the scope admin, and by who runs the service."));
}

/** One part, which says so where it cannot be read. */
function part(here, section, title, drawPart) {
  let hasFailed = false;

  async function draw(note) {
    hasFailed = false;
    try {
      await drawPart(here, section, again, note);
    } catch (error) {
      hasFailed = true;
      fill(section, h("h2", {}, title), note, h("p", { class: "notice", role: "alert" }, error.message));
    }
  }

  /** Draw after something was done, with what is to be said of it; the focus goes where one reads on. */
  async function again(note) {
    await draw(note);
    const heading = section.querySelector("h2");
    heading.tabIndex = -1;
    (section.querySelector(".secret code") ?? heading).focus();
  }
  return { draw, hasFailed: () => hasFailed };
}
