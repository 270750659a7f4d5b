// Who may use the service, and who is told? API keys and webhooks of the workspace.

import { fill, h } from "./dom.js";
import { drawHooks } from "./hooks.js";
import { drawKeys } from "./keys.js";

export async function showSettings(here) {
  const keys = h("section", { class: "panel" });
  const hooks = h("section", { class: "panel" });
  fill(here.view, h("h1", {}, "Settings"), keys, hooks);
  await Promise.all([part(here, keys, "API keys", drawKeys), part(here, hooks, "Webhooks", drawHooks)]);
}

/** Draw one part; where the key lacks the scope, say so instead. */
async function part(here, section, title, draw) {
  const again = async (note) => {
    try {
      await draw(here, section, again, note);
    } catch (error) {
      const text = error.status === 403 ? `Only a key with the scope admin shows and changes these. ${error.message}` : error.message;
      fill(section, h("h2", {}, title), h("p", { class: "notice", role: "alert" }, text));
    }
  };
  await again();
}
