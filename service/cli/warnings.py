"""What does a run warn of, in sentences, and what can one do? By the codes of the API.

`ui/static/warnings.js` says the same.
"""

from dataclasses import dataclass

from service.cli.answers import JsonObject

_UNREADABLE = "could not be read as the date or number they should be. They count as missing."


@dataclass(frozen=True, slots=True)
class Words:
    """What happened, of one and of several; what to do; and how the sample begins."""

    of_one: str
    of_more: str
    act: str
    sample: str


WORDS = {
    "no_documents": Words(
        "The run found no documents.",
        "The run found no documents.",
        "Upload documents to the collection it looks in, or start a match with another one.",
        "It looked in",
    ),
    "field_not_found": Words(
        "A field that is compared is in none of the 1 document.",
        "A field that is compared is in none of the {} documents.",
        "Make the match anew with the field's name as the documents have it, or upload documents "
        "that have it.",
        "Not found",
    ),
    "unreadable_document_value": Words(
        f"1 value in the documents {_UNREADABLE}",
        f"{{}} values in the documents {_UNREADABLE}",
        "Correct them in the documents and run again, or compare that field as text.",
        "One of them",
    ),
    "unreadable_reference_value": Words(
        f"1 value in the reference data {_UNREADABLE}",
        f"{{}} values in the reference data {_UNREADABLE}",
        "Correct them in the reference data and upload it again, or compare that column as text.",
        "One of them",
    ),
    "deleted_document": Words(
        "1 document had been deleted before its turn came.",
        "{} documents had been deleted before their turn came.",
        "Their results say so. If that was a mistake, upload them and run again.",
        "One of them",
    ),
    "document_failed": Words(
        "1 document could not be matched; all others were.",
        "{} documents could not be matched; all others were.",
        "Their results say why. Look at what is unusual in them, very long values for one, and "
        "run again.",
        "One of them",
    ),
    "ai_unresolved": Words(
        "The AI did not decide 1 document: they keep the rules' answer.",
        "The AI did not decide {} documents: they keep the rules' answer.",
        "Decide them in the review, or ask the AI once more.",
        "For example",
    ),
    "ai_max_share_reached": Words(
        "1 document more than the match allows were left without the AI.",
        "{} documents more than the match allows were left without the AI.",
        "Raise ai.max_share of the match to have more of them looked at, or decide them in the "
        "review.",
        "The limit",
    ),
}


def worded(warning: JsonObject) -> str:
    """Write a warning as sentences; an unknown code speaks for itself."""
    known = WORDS.get(warning["code"])
    if known is None:
        return f"{warning['code']} ({warning['count']}): {warning['sample']}"
    count = warning["count"]
    what = known.of_one if count == 1 else known.of_more.format(f"{count:,}")
    sample = f" {known.sample}: {warning['sample']}" if warning["sample"] else ""
    return f"{what} {known.act}{sample}"
