// Who may use the service, and who is told? API keys and webhooks of the workspace.

import { fill, h } from "./dom.js";
import { drawHooks } from "./hooks.js";
import { drawKeys } from "./keys.js";

export async function showSettings(here) {
  const keys = h("section", { class: "panel" });
  const hooks = h("section", { class: "panel" });
  fill(here.view, h("h1", {}, "Settings"), keys, hooks);
  const parts = [part(here, keys, "API keys", drawKeys), part(here, hooks, "Webhooks", drawHooks)];
  // What stands there may be a secret that is shown this once.
  here.again = () => parts.forEach((each) => each.hasFailed() && each.draw());
  await Promise.all(parts.map((each) => each.draw()));
}

/** One part; where the key lacks the scope, it says so instead. */
function part(here, section, title, drawPart) {
  let hasFailed = false;

  async function draw(note) {
    hasFailed = false;
    try {
      await drawPart(here, section, again, note);
    } catch (error) {
      hasFailed = error.status !== 403;
      const text = hasFailed ? error.message : `Only a key with the scope admin shows and changes these. ${error.message}`;
      fill(section, h("h2", {}, title), note, h("p", { class: "notice", role: "alert" }, text));
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
