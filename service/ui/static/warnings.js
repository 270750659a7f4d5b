// What does a run warn of, in sentences, and what can one do? By the codes of the API.

import { h } from "./dom.js";
import { count, plural } from "./words.js";

const documents = (number) => plural(number, "document", "documents");
const values = (number) => plural(number, "value", "values");

// Code -> what happened, what to do, and how the sample begins.
const WORDS = {
  no_documents: {
    what: () => "The run found no documents.",
    act: "Upload documents to the collection it looks in, or start a match with another one.",
    sample: "It looked in",
  },
  field_not_found: {
    what: (number) => `A field that is compared is in none of the ${documents(number)}.`,
    act: "Make the match anew with the field's name as the documents have it, or upload documents that have it.",
    sample: "Not found",
  },
  unreadable_document_value: {
    what: (number) => `${values(number)} in the documents could not be read as the date or number they should be. They count as missing.`,
    act: "Correct them in the documents and run again, or compare that field as text.",
    sample: "One of them",
  },
  unreadable_reference_value: {
    what: (number) => `${values(number)} in the reference data could not be read as the date or number they should be. They count as missing.`,
    act: "Correct them in the reference data and upload it again, or compare that column as text.",
    sample: "One of them",
  },
  deleted_document: {
    what: (number) => `${documents(number)} had been deleted before ${number === 1 ? "its" : "their"} turn came.`,
    act: "Their results say so. If that was a mistake, upload them and run again.",
    sample: "One of them",
  },
  document_failed: {
    what: (number) => `${documents(number)} could not be matched; all others were.`,
    act: "Their results say why. Look at what is unusual in them, very long values for one, and run again.",
    sample: "One of them",
  },
  ai_unresolved: {
    what: (number) => `The AI did not decide ${documents(number)}: they keep the rules' answer.`,
    act: "Decide them in the review, or ask the AI once more.",
    sample: "For example",
  },
  ai_max_share_reached: {
    what: (number) => `${documents(number)} more than the match allows were left without the AI.`,
    act: "Raise ai.max_share of the match to have more of them looked at, or decide them in the review.",
    sample: "The limit",
  },
};

/** One warning as a sentence, what to do, and how its sample begins; an unknown code speaks for itself. */
export function worded({ code, count: number }) {
  const known = WORDS[code];
  if (!known) return { what: `${code} (${count(number)})`, act: "", lead: "Sample" };
  return { what: known.what(number), act: known.act, lead: known.sample };
}

/** A list of all of them, or nothing. */
export function warningList(list) {
  if (!list.length) return null;
  return h("section", { class: "panel" },
    h("h2", {}, plural(list.length, "warning", "warnings")),
    h("ul", { class: "told-of" }, list.map((each) => {
      const { what, act, lead } = worded(each);
      return h("li", {}, h("p", {}, h("strong", {}, what), " ", act), each.sample ? h("p", { class: "dim" }, `${lead}: `, h("code", {}, each.sample)) : null);
    })));
}
