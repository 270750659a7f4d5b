// How is a secret shown, which nobody can show again?

import { fill, h } from "./dom.js";

/** A secret with a button to copy it; it has the focus, so that it is not missed. */
export function secret(text, value) {
  const code = h("code", { tabindex: "-1" }, value);
  const said = h("span", { role: "status" });
  const copy = h("button", { onclick: async () => {
    try {
      await navigator.clipboard.writeText(value);
      said.textContent = "Copied.";
    } catch {
      // Without https or the person's leave the page may not write there: then the text is marked, to be copied.
      getSelection().selectAllChildren(code);
      said.textContent = "It is marked: copy it with Ctrl+C.";
    }
  } }, "Copy");
  return h("div", { class: "notice secret" }, h("p", { role: "status" }, h("strong", {}, text), " It is shown this once: keep it in a safe place."),
    h("p", { class: "row" }, code, copy, said));
}

/** Do something and draw again, with what came of it or what was refused. */
export async function attempt(again, work) {
  try {
    await again(await work());
  } catch (error) {
    await again(h("p", { class: "notice", role: "alert" }, error.message));
  }
}

/** The same for a form, once at a time; what is refused is said in it, and what was typed stays. */
export function submitted(again, work) {
  let isBusy = false;
  return async (said, body) => {
    if (isBusy) return;
    isBusy = true;
    fill(said);
    try {
      await again(await work(body));
    } catch (error) {
      fill(said, error.message);
    }
    isBusy = false;
  };
}
