// How is a piece of page made? From elements and text: what comes from data never becomes markup.

/** Make an element; `on…` attributes are listeners, booleans are present or not, the rest is text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Let the element have these children and no others. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The same for what may have the focus: what is called the same gets it back, else the whole. */
export function refill(element, ...children) {
  const focused = element.contains(document.activeElement) ? named(document.activeElement) : null;
  fill(element, ...children);
  if (focused === null) return element;
  const again = [...element.querySelectorAll("a, button, input, select")].find((each) => named(each) === focused);
  if (!again) element.tabIndex = -1;
  (again ?? element).focus({ preventScroll: true });
  return element;
}

const named = (control) => (control.getAttribute("aria-label") ?? control.textContent).replace(/[^\p{L}\p{N}]/gu, "");

/** A label with its control below it. */
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label), control, hint ? h("small", {}, hint) : null);
}

/** A choice among [value, text] pairs. */
export function choice(options, value, onchange, attributes = {}) {
  const made = h("select", { ...attributes, onchange: () => onchange(made.value) },
    options.map(([each, text]) => h("option", { value: each }, text)));
  made.value = value;
  return made;
}

/** Ask before something that cannot be undone; resolves to true or false. Who only presses Enter goes back. */
export function confirmed(question, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": question, onclose: () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    } },
    h("form", { method: "dialog" },
      h("p", {}, question),
      h("p", { class: "row" },
        h("button", { value: "yes", class: "danger" }, yes),
        h("button", { value: "no", autofocus: true }, "Back"))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
