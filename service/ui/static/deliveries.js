// What was sent to a webhook, and what was answered? Its deliveries, to look into and to send again.

import { ask, withQuery } from "./api.js";
import { h } from "./dom.js";
import { line, listing } from "./listing.js";
import { ago, plural } from "./words.js";

const PAGE = 20;
const HEADS = [["Event", ""], ["Status", ""], ["Tries", "number"], ["Last reply", ""], ["When", ""], ["Actions", "actions"]];
const STATUS = { pending: ["Waiting", "queued"], delivered: ["Delivered", "completed"], exhausted: ["Given up", "failed"], dropped: ["Event deleted", "cancelled"] };
const LOOK_MILLISECONDS = 700;
const LOOKS = 30;

/** The list; `read` fills it, `follow` waits for what becomes of one delivery. */
export function deliveries(here, path, said) {
  const list = listing("Deliveries", HEADS, []);
  const none = h("p", { class: "dim" }, "Nothing was sent yet.");
  const older = h("button", { class: "quiet", onclick: () => read(cursor).catch(refused) }, "Show older ones");
  let rows = [];
  let cursor = null;

  async function read(from = null) {
    const page = await ask("GET", withQuery(`${path}/deliveries`, { limit: PAGE, cursor: from }));
    const fresh = page.data.map((each) => deliveryLine(each, again));
    rows = from ? [...rows, ...fresh] : fresh;
    cursor = page.pagination.next_cursor;
    none.hidden = rows.length > 0;
    list.table.hidden = !rows.length;
    older.hidden = !page.pagination.has_more;
    list.show(rows);
  }

  async function again(delivery) {
    try {
      await follow(await ask("POST", delivery.links.redeliver));
    } catch (error) {
      refused(error);
    }
  }

  function refused(error) {
    said.textContent = error.message;
  }

  /** Look until something was answered, or for some seconds: the next try may be hours away. */
  async function follow(delivery) {
    said.textContent = "Sending …";
    let now = delivery;
    for (let look = 0; look < LOOKS && !here.signal.aborted; look += 1) {
      now = await ask("GET", delivery.links.self);
      if (now.status !== "pending" || now.attempt_count > delivery.attempt_count) break;
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MILLISECONDS); });
    }
    await read();
    said.textContent = outcome(now);
  }

  return { element: h("div", {}, none, list.table, older), read, follow };
}

function outcome(delivery) {
  if (delivery.status === "delivered") return "Delivered.";
  const last = delivery.attempts.at(-1);
  return last ? `Not taken: ${answer(last)}. ${next(delivery)}` : "It is on its way.";
}

const answer = ({ status_code: code, error }) => (code ? `the answer was ${code}` : error ?? "no answer");
const next = ({ next_attempt_at: at }) => (at ? `It is tried again at ${new Date(at).toLocaleTimeString()}.` : "");

function deliveryLine(delivery, again) {
  const [text, kind] = STATUS[delivery.status];
  const last = delivery.attempts.at(-1);
  return line(HEADS, [
    [delivery.type, delivery.run_id ? [" ", h("a", { href: `#/runs/${delivery.run_id}` }, "run")] : null].flat(),
    h("div", {}, h("span", { class: `status ${kind}` }, text), delivery.status === "pending" && delivery.next_attempt_at ? h("small", { class: "below" }, next(delivery)) : null),
    String(delivery.attempt_count),
    h("div", {}, last ? attempts(delivery) : "–"),
    h("span", { title: new Date(delivery.created_at).toLocaleString() }, ago(delivery.created_at)),
    delivery.status === "dropped" ? null : h("button", { class: "quiet", "aria-label": `Send ${delivery.type} of ${ago(delivery.created_at)} again`, onclick: () => again(delivery) }, "Send again"),
  ]);
}

/** The last answer, and all of them for who asks. */
function attempts({ attempts: all, attempt_count: number }) {
  const last = all.at(-1);
  return h("details", {}, h("summary", {}, last.status_code ? String(last.status_code) : h("span", {}, "no answer")),
    number > all.length ? h("p", { class: "dim" }, `The latest ${plural(all.length, "try", "tries")} of ${number}`) : null,
    h("ol", { class: "plain" }, all.map((each) => h("li", {},
      `${new Date(each.started_at).toLocaleString()}: ${each.status_code ?? each.error ?? "no answer"} in ${each.duration_ms} ms`,
      each.reply ? h("pre", { tabindex: "0" }, each.reply) : null))));
}
