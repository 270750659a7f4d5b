// Who is told of what happens? The workspace's webhooks, to make, try out, change and delete.

import { ask, withQuery } from "./api.js";
import { confirmed, field, fill, h } from "./dom.js";
import { deliveries } from "./deliveries.js";
import { clipped } from "./listing.js";
import { decision, making } from "./making.js";
import { attempt, secret, submitted } from "./secret.js";
import { shortened } from "./words.js";

const EVENTS = [
  ["run.queued", "A run waits"], ["run.started", "A run has begun"], ["run.progress", "A run goes on (often)"],
  ["run.ai_resolving", "A run asks the AI"], ["run.completed", "A run has completed"], ["run.failed", "A run has failed"],
  ["run.cancelled", "A run was cancelled"], ["result.reviewed", "A result was reviewed"],
  ["reference_data.ready", "A table is ready"], ["reference_data.failed", "A table could not be read"],
];
const USUAL = EVENTS.map(([type]) => type).filter((type) => type !== "run.progress");
const MOST = 500;

export async function drawHooks(here, section, again, note) {
  const { data } = await ask("GET", withQuery("/v1/webhooks", { limit: MOST }));
  if (here.signal.aborted) return;
  fill(section, h("h2", {}, "Webhooks"),
    h("p", { class: "dim" }, "A webhook tells another program by a signed call when a run ends or a result is reviewed."),
    note ?? null,
    data.length ? data.map((hook) => hookCard(here, hook, again)) : h("p", { class: "dim" }, "There are none."),
    making("Add a webhook", (cancel) =>
      hookForm({ url: "", description: "", types: USUAL }, "Add the webhook", cancel, submitted(again, async (body) => {
        const made = await ask("POST", "/v1/webhooks", body);
        return secret(`The secret that calls to ${shortened(made.url)} are signed with.`, made.secret);
      }))));
}

function hookCard(here, hook, again) {
  const path = `/v1/webhooks/${hook.id}`;
  const said = h("p", { role: "status", class: "said" });
  const below = h("div");
  const name = hook.description || hook.url;
  const shown = { log: null };
  const act = (text, work, kind = "") => h("button", { class: kind, "aria-label": `${text}: ${shortened(name)}`, onclick: async () => {
    said.textContent = "";
    try {
      await work();
    } catch (error) {
      said.textContent = error.message;
    }
  } }, text);
  const toggle = async () => {
    if (shown.log) {
      shown.log = null;
      return fill(below);
    }
    shown.log = deliveries(here, path, said);
    fill(below, shown.log.element);
    await shown.log.read();
  };
  const test = async () => {
    const ping = await ask("POST", `${path}/ping`);
    if (!shown.log) await toggle();
    await shown.log?.follow(ping); // none, where one edits it meanwhile
  };
  const edit = () => {
    shown.log = null;
    const leave = () => {
      fill(below);
      editing.focus();
    };
    fill(below, hookForm(hook, "Save", leave, submitted(again, async (body) => { await ask("PATCH", path, body); })));
    below.querySelector("input").focus();
  };
  const editing = act("Edit", edit);
  const change = async (question, yes, work) => {
    if (await confirmed(question, yes)) await attempt(again, work);
  };
  return h("article", { class: "hook", "aria-label": `Webhook ${shortened(name)}` },
    h("p", { class: "row spread" }, h("span", { class: "name" }, clipped(hook.url, "strong"), hook.description ? clipped(hook.description, "span", {}) : null),
      h("span", { class: `status ${hook.enabled ? "completed" : "failed"}` }, hook.enabled ? "on" : "off")),
    hook.disabled_reason ? h("p", { class: "notice" }, hook.disabled_reason, " What waited is sent when it is switched on again.") : null,
    h("p", { class: "dim" }, told(hook.types)),
    h("p", { class: "row" },
      act("Send a test", test), act("Deliveries", toggle), editing,
      act(hook.enabled ? "Switch off" : "Switch on", () => attempt(again, async () => { await ask("PATCH", path, { enabled: !hook.enabled }); })),
      act("New secret", () => change(`Make a new secret for ${shortened(name)}? For 24 hours calls are signed with both.`, "Make a new secret", async () =>
        secret(`The new secret that calls to ${shortened(hook.url)} are signed with.`, (await ask("POST", `${path}/rotate-secret`)).secret)), "quiet"),
      act("Delete", () => change(`Delete the webhook to ${shortened(hook.url)}? Nothing more is sent, and its deliveries go too.`, "Delete", async () => { await ask("DELETE", path); }), "quiet")),
    said, below);
}

const told = (types) => (types.length === USUAL.length && USUAL.every((type) => types.includes(type))
  ? "Hears of everything but progress." : `Hears of ${types.join(", ")}.`);

function hookForm(hook, yes, cancel, submit) {
  const url = h("input", { type: "url", required: true, placeholder: "https://…", value: hook.url, class: "long" });
  const description = h("input", { maxlength: "500", value: hook.description ?? "", class: "long" });
  const boxes = EVENTS.map(([type]) => h("input", { type: "checkbox", value: type, checked: hook.types.includes(type) }));
  const said = h("p", { role: "alert", class: "said stale" });
  return h("form", { onkeydown: (event) => event.key === "Escape" && cancel(), onsubmit: (event) => {
    event.preventDefault();
    const types = boxes.filter((box) => box.checked).map((box) => box.value);
    if (!types.length) return fill(said, "Choose at least one thing to be told of.");
    return submit(said, { url: url.value, description: description.value || null, types });
  } },
  field("Address", url), field("What it is for", description),
  h("fieldset", { class: "checks" }, h("legend", {}, "Tell it when"), EVENTS.map(([, text], place) => h("label", { class: "check" }, boxes[place], text))),
  said, decision(yes, cancel));
}
