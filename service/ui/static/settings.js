// Who may use the service, and who is told? API keys and webhooks of the workspace.

import { ask, withQuery } from "./api.js";
import { confirmed, field, fill, h } from "./dom.js";
import { ago } from "./words.js";

const SCOPES = ["read", "write", "admin"];

export async function showSettings(here) {
  const keys = h("section");
  const hooks = h("section");
  fill(here.view, h("h1", {}, "Settings"), keys, hooks);
  await Promise.all([part(keys, "API keys", drawKeys), part(hooks, "Webhooks", drawHooks)]);
}

/** Draw one part; where the key lacks the scope, say so instead. */
async function part(section, title, draw) {
  const again = async (note) => {
    try {
      await draw(section, again, note);
    } catch (error) {
      fill(section, h("h2", {}, title), h("p", { class: "notice" }, error.message));
    }
  };
  await again();
}

async function drawKeys(section, again, note) {
  const { data } = await ask("GET", "/v1/api-keys");
  const name = h("input", { required: true, maxlength: "200" });
  const boxes = SCOPES.map((scope) => h("input", { type: "checkbox", value: scope, name: "scope", ...(scope === "admin" ? {} : { checked: true }) }));
  fill(section, h("h2", {}, "API keys"), note ?? null,
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Name", "May", "Made", "Last used", "State"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, data.map((key) => h("tr", {},
        h("th", { scope: "row" }, key.name), h("td", {}, key.scopes.join(", ")), h("td", {}, ago(key.created_at)),
        h("td", {}, key.last_used_at ? ago(key.last_used_at) : "never"),
        h("td", {}, key.revoked_at ? "revoked" : h("button", { class: "quiet", "aria-label": `Revoke ${key.name}`, onclick: async () => {
          if (!(await confirmed(`Revoke the key ${key.name}? What uses it stops working.`, "Revoke"))) return;
          await attempt(again, async () => { await ask("DELETE", `/v1/api-keys/${key.id}`); });
        } }, "Revoke"))))))),
    h("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      attempt(again, async () => {
        const made = await ask("POST", "/v1/api-keys", { name: name.value, scopes: boxes.filter((box) => box.checked).map((box) => box.value) });
        return secret("The new key", made.key);
      });
    } }, field("Name", name), h("fieldset", { class: "row" }, h("legend", {}, "May"), boxes.map((box, place) => h("label", {}, box, ` ${SCOPES[place]}`))), h("button", {}, "Make a key")));
}

async function drawHooks(section, again, note) {
  const { data } = await ask("GET", "/v1/webhooks");
  const url = h("input", { type: "url", required: true, placeholder: "https://…" });
  fill(section, h("h2", {}, "Webhooks"), note ?? null,
    data.length ? data.map((hook) => drawHook(hook, again)) : h("p", { class: "dim" }, "None. A webhook tells another program when a run ends or a result is reviewed."),
    h("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      attempt(again, async () => {
        const made = await ask("POST", "/v1/webhooks", { url: url.value });
        return secret("The secret its calls are signed with", made.secret);
      });
    } }, field("Address", url), h("button", {}, "Add a webhook")));
}

function drawHook(hook, again) {
  const log = h("div");
  const path = `/v1/webhooks/${hook.id}`;
  return h("article", { class: "hook" },
    h("p", { class: "row spread" }, h("strong", {}, hook.url), h("span", { class: `status ${hook.enabled ? "completed" : "failed"}` }, hook.enabled ? "on" : "off")),
    hook.disabled_reason ? h("p", { class: "notice" }, hook.disabled_reason) : null,
    h("p", { class: "row" },
      h("button", { onclick: () => attempt(again, async () => { await ask("POST", `${path}/ping`); return h("p", { role: "status" }, "A test call is on its way: see the deliveries."); }) }, "Test"),
      h("button", { onclick: async () => {
        const page = await ask("GET", withQuery(`${path}/deliveries`, { limit: 20 }));
        fill(log, page.data.length ? h("ul", {}, page.data.map((each) => h("li", {}, `${each.type ?? each.event_type ?? ""} ${each.status} ${ago(each.created_at)}`))) : h("p", { class: "dim" }, "No deliveries yet."));
      } }, "Deliveries"),
      h("button", { onclick: () => attempt(again, async () => { await ask("PATCH", path, { enabled: !hook.enabled }); }) }, hook.enabled ? "Switch off" : "Switch on"),
      h("button", { class: "quiet", onclick: async () => {
        if (await confirmed(`Delete the webhook to ${hook.url}?`, "Delete")) await attempt(again, async () => { await ask("DELETE", path); });
      } }, "Delete")),
    log);
}

const secret = (text, value) => h("p", { class: "notice", role: "status" }, `${text}, shown this once: `, h("code", {}, value));

async function attempt(again, work) {
  try {
    await again(await work());
  } catch (error) {
    await again(h("p", { class: "notice", role: "alert" }, error.message));
  }
}
