// Who may use the service? The workspace's API keys, to make and to revoke.

import { ask, withQuery } from "./api.js";
import { choice, confirmed, field, fill, h } from "./dom.js";
import { clipped, line, listing } from "./listing.js";
import { decision, making } from "./making.js";
import { SCOPES } from "./rights.js";
import { attempt, secret, submitted } from "./secret.js";
import { ago, shortened } from "./words.js";

const HEADS = [["Name", ""], ["May", ""], ["Made", ""], ["Last used", ""], ["Ends", ""], ["Actions", "actions"]];
const LIVES = [["", "never"], ["30", "in 30 days"], ["90", "in 90 days"], ["365", "in a year"]];
const DAY_MILLISECONDS = 86_400_000;
const MOST = 500;

export async function drawKeys(here, section, again, note) {
  const [{ data }, session] = await Promise.all([ask("GET", withQuery("/v1/api-keys", { limit: MOST })), ask("GET", "/v1/session")]);
  if (here.signal.aborted) return;
  const own = session.api_key.id;
  const rows = (keys) => listing("API keys", HEADS, keys.map((key) => keyLine(key, key.id === own, again))).table;
  const closed = data.filter((key) => key.status !== "active");
  fill(section, h("h2", {}, "API keys"),
    h("p", { class: "dim" }, `A key opens the workspace “${session.workspace.name}” to a program or a person. You are signed in with “${session.api_key.name}”.`),
    note ?? null,
    rows(data.filter((key) => key.status === "active")),
    closed.length ? h("details", {}, h("summary", {}, `Revoked and expired keys (${closed.length})`), rows(closed)) : null,
    making("Make a key", (cancel) => newKey(again, cancel)));
}

function keyLine(key, isOwn, again) {
  const question = `Revoke the key “${key.name}”? What uses it stops working at once, for good.${isOwn ? " You are signed in with it, and will be signed out." : ""}`;
  return line(HEADS, [
    [clipped(key.name), isOwn ? h("small", { class: "tag" }, "yours now") : null],
    key.scopes.join(", "), ago(key.created_at), key.last_used_at ? ago(key.last_used_at) : "never",
    key.expires_at ? new Date(key.expires_at).toLocaleDateString() : "never",
    key.status === "active" ? h("button", { class: "quiet", "aria-label": `Revoke ${key.name}`, onclick: async () => {
      if (await confirmed(question, "Revoke")) await attempt(again, async () => { await ask("DELETE", `/v1/api-keys/${key.id}`); });
    } }, "Revoke") : h("span", { class: "dim" }, key.status),
  ]);
}

function newKey(again, cancel) {
  const name = h("input", { required: true, maxlength: "200", placeholder: "what it is for" });
  const boxes = SCOPES.map(([scope]) => h("input", { type: "checkbox", value: scope, checked: scope !== "admin" }));
  let days = "";
  const said = h("p", { role: "alert", class: "said stale" });
  const submit = submitted(again, async (body) => {
    const made = await ask("POST", "/v1/api-keys", body);
    return secret(`The new key “${shortened(body.name)}”.`, made.key);
  });
  return h("form", { onsubmit: (event) => {
    event.preventDefault();
    const scopes = boxes.filter((box) => box.checked).map((box) => box.value);
    if (!scopes.length) return fill(said, "Choose at least one thing that it may do.");
    const ends = days ? new Date(Date.now() + Number(days) * DAY_MILLISECONDS).toISOString() : null;
    return submit(said, { name: name.value, scopes, expires_at: ends });
  } },
  h("div", { class: "row top" }, field("Name", name), field("Ends", choice(LIVES, days, (value) => { days = value; }))),
  h("fieldset", {}, h("legend", {}, "It may"), SCOPES.map(([scope, text], place) =>
    h("label", { class: "check wide" }, boxes[place], h("span", {}, scope, h("span", { class: "dim" }, ` ${text}`))))),
  said, decision("Make the key", cancel));
}
