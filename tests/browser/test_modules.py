"""Do the pages' modules compute what they should, and the same as their twins in Python?"""

import base64
import csv
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from playwright.async_api import Page

from service.cli import id_columns, suggest
from service.cli.suggest import Side
from tests.browser.conftest import DATA, call
from tests.data import workbooks
from tests.data.workbooks import Cell, Sheet

AFFINITIES = """async ([fields, columns]) => {
  const { affinity } = await import("/suggest.js");
  return fields.map((field) => columns.map((column) => affinity(field, column)));
}"""
TABLES = DATA.parent
WORKBOOK = workbooks.make(Sheet("Orders", [["id"], [1]]))
GERMAN = {
    "orders": {
        "Bestellnummer": ["B-10001", "B-10002", "B-10003"],
        "Kreditor": ["Müller & Söhne", "Käse Krüger", "Weiß GmbH"],
        "Betrag": ["1.250,00", "88,40", "7.310,05"],
        "Währung": ["EUR", "EUR", "CHF"] * 8,
        "Datum": ["01.03.2024", "12.03.2024", "28. Februar 2024"],
        "PLZ": ["50667", "90402", "55116"],
    },
    "invoices": {
        "Rechnung": ["R-1", "R-2", "R-3"],
        "Bestell-Nr": ["B-10001", "b-10003", "B-99999"],
        "Lieferant/Kreditor": ["MÜLLER & SÖHNE", "Kaese Krueger", ""],
        "Rechnungsbetrag": ["1.250,00 EUR", "88,40", "EUR 7.310,05"],
        "Rechnungsdatum": ["2024-03-01", "13/03/2024", "n/a"],
        "Währung": ["EUR", "CHF", "EUR"],
        "Notiz": ["bitte zahlen", "", "eilt"],
        "Postleitzahl": ["50667", "55116", ""],
    },
}


async def peek(page: Page, name: str, content: bytes, wanted: Mapping[str, str]) -> Any:
    """Look into a file."""
    script = """async ([name, content, wanted]) => {
      const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
      return (await import("/tables.js")).peek(new File([bytes], name), wanted);
    }"""
    return await page.evaluate(script, [name, base64.b64encode(content).decode(), wanted])


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ("A is wrong. (1 more) Rows count from 1 below the header.", "2 things are wrong (rows"),
        ("A is wrong. (1 more)", "2 things are wrong:"),
        ("Both are wrong in the same way.", "Both are wrong in the same way."),
    ],
)
async def test_what_is_wrong_in_several_places_has_a_sentence_above(
    page: Page, detail: str, sentence: str
) -> None:
    script = """async ([detail]) => {
      const errors = [1, 2].map((row) => ({row, message: `${row === 1 ? "A" : "B"} is wrong.`}));
      return (await import("/refusal.js")).refusal({detail, errors}).querySelector("p").textContent;
    }"""
    assert (await page.evaluate(script, [detail])).startswith(sentence)


def shipped(name: str) -> dict[str, list[str]]:
    """The columns of a table, of its first rows."""
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:200]
    return {name: [row[name] for row in rows] for name in rows[0]}


def sides(columns: Mapping[str, Sequence[str]]) -> list[Side]:
    """Columns without what is missing, as both sides get them."""
    return [
        Side(name, "string", tuple(value for value in values if value))
        for name, values in columns.items()
    ]


@pytest.mark.parametrize(
    ("documents", "reference", "ids"),
    [
        (GERMAN["invoices"], GERMAN["orders"], ("Rechnung", "Bestellnummer")),
        (GERMAN["orders"], GERMAN["invoices"], (None, None)),
        (
            shipped("invoices_1k/invoices.csv"),
            shipped("invoices_1k/purchase_orders.csv"),
            ("invoice_id", "po_id"),
        ),
        (shipped("restaurants_zagats.csv"), shipped("restaurants_fodors.csv"), ("id", "id")),
        (shipped("dblp_acm_acm.csv"), shipped("dblp_acm_dblp.csv"), ("id", "id")),
        (shipped("febrl4_b.csv"), shipped("febrl4_a.csv"), (None, None)),
        ({"colour": ["red"]}, {"weight": ["3.20"]}, (None, None)),
    ],
    ids=["german", "german, turned", "invoices", "restaurants", "papers", "people", "nothing"],
)
async def test_the_page_and_the_command_propose_the_same(
    page: Page,
    documents: Mapping[str, Sequence[str]],
    reference: Mapping[str, Sequence[str]],
    ids: tuple[str | None, str | None],
) -> None:
    fields, columns = sides(documents), sides(reference)
    given = [
        [{"name": side.name, "type": side.type, "values": list(side.values)} for side in both]
        for both in (fields, columns)
    ]
    here = await call(page, "suggest", "proposeFor", *given, {"document": ids[0], "table": ids[1]})
    there = suggest.propose_for(fields, columns, *ids)
    assert [{**each, "weight": round(each["weight"], 2)} for each in here] == there
    affinities = await page.evaluate(AFFINITIES, given)
    assert affinities == [
        pytest.approx([suggest.affinity(field, column) for column in columns]) for field in fields
    ]


async def test_weights_share_a_hundred_percent_however_they_are_moved(page: Page) -> None:
    weights = [1 / 3, 1 / 3, 1 / 3]
    for place, value in ((0, 1.0), (0, 0.0), (1, 0.37), (2, 0.05), (0, 0.51)):
        weights = await call(page, "weights", "reweigh", weights, place, value)
        assert weights[place] == value
        assert sum(weights) == pytest.approx(1)
        assert sum(await call(page, "weights", "percents", weights)) == 100
    assert await call(page, "weights", "reweigh", [0.4], 0, 0.1) == [1]
    assert await call(page, "weights", "percents", [1 / 3, 1 / 3, 1 / 3]) == [34, 33, 33]
    assert await call(page, "weights", "percents", []) == []


@pytest.mark.parametrize(
    ("text", "columns", "delimiter"),
    [
        ("a,b\n1,2\n", ["a", "b"], ","),
        ("name;total, net\nVega;1,5\nNord;2,5\n", ["name", "total, net"], ";"),
        ("name\ttotal\nVega, Inc\t1\n", ["name", "total"], "\t"),
        ('"a,b";c\n"1;2";3\n', ["a,b", "c"], ";"),
        ("\ufeffalone\nx\n", ["alone"], ","),
        ("\ufeffsep=;\r\na,b;c\r\n1,2;3\r\n", ["a,b", "c"], ";"),
    ],
)
async def test_how_a_csv_is_written_is_seen_in_its_rows(
    page: Page, text: str, columns: list[str], delimiter: str
) -> None:
    seen = await peek(page, "table.csv", text.encode(), {})
    assert (seen["names"], seen["delimiter"], seen["encoding"]) == (columns, delimiter, None)


async def test_letters_of_old_spreadsheets_are_read_and_what_one_says_decides(page: Page) -> None:
    content = "Käufer|Größe\nMüller, Söhne|3\n".encode("cp1252")
    seen = await peek(page, "alt.CSV", content, {})
    assert (seen["names"], seen["encoding"]) == (["Käufer", "Größe"], "windows-1252")
    said = await peek(page, "alt.csv", content, {"delimiter": ",", "encoding": "windows-1252"})
    assert said["names"] == ["Käufer|Größe"]
    assert await peek(page, "lines.ndjson", b'{"a": 1}\n{"b": null}\n', {}) == {
        "names": ["a", "b"],
        "rows": [["1", ""], ["", ""]],
    }
    assert await peek(page, "lines.ndjson", b"not json\n", {}) is None
    assert await peek(page, "table.parquet", b"PAR1", {}) is None
    assert await peek(page, "broken.xlsx", b"PK", {}) is None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("leer.csv", b"", "“leer.csv” is empty"),
        ("orders.csv", WORKBOOK, "is an Excel workbook named .csv: rename it to .xlsx"),
        ("orders.csv", b"PK\3\4\x14\0orders.txt", "is a packed archive named .csv: unpack it"),
        (
            "orders.xlsx",
            b"\xd0\xcf\x11\xe0\xa1",
            "of the old kind (.xls). Save it in Excel as .xlsx",
        ),
        ("orders.xlsx", WORKBOOK, None),
        ("orders.csv", b"PK,name\n1,Vega\n", None),
    ],
)
async def test_a_file_that_is_not_what_its_name_says_is_told(
    page: Page, name: str, content: bytes, told: str | None
) -> None:
    script = """async ([name, content]) => {
      const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
      return (await import("/tables.js")).fault(new File([bytes], name));
    }"""
    said = await page.evaluate(script, [name, base64.b64encode(content).decode()])
    assert (said is None) == (told is None)
    assert (told or "") in (said or "")


async def test_a_workbook_is_unpacked_to_its_sheets_and_rows(page: Page) -> None:
    day = (datetime.date(2024, 3, 5) - datetime.date(1899, 12, 30)).days
    rows: list[list[object]] = [
        ["Nr", "Kunde", "Datum"],
        ["K-1", "Müller & <Söhne>", Cell(day, workbooks.DATE)],
    ]
    content = workbooks.make(
        Sheet("alt", [["x"]], state="hidden"),
        Sheet("Bestand ä", [[None], *rows, ["K-2", None, 7]]),
        Sheet("Notizen", [["y"], [True]]),
    )
    seen = await peek(page, "buch.xlsx", content, {})
    assert (seen["sheets"], seen["sheet"]) == (["Bestand ä", "Notizen"], "Bestand ä")
    assert seen["names"] == ["Nr", "Kunde", "Datum"]
    assert seen["rows"] == [["K-1", "Müller & <Söhne>", "2024-03-05"], ["K-2", "", "7"]]
    assert (await peek(page, "buch.xlsx", content, {"sheet": "Notizen"}))["names"] == ["y"]


@pytest.mark.parametrize(
    ("names", "rows", "chosen", "proposed", "told"),
    [
        (["po_id", "name"], [["1", "a"], ["2", "a"]], "po_id", "po_id", None),
        (["po_id", "name"], [["1", "a"], ["2", "a"]], "name", "po_id", "rows 1 and 2"),
        (["id", "x"], [["1", "a"], ["", "a"]], "id", "", "Row 2 has nothing in “id”"),
        (["total", "x"], [["1.50", "a"], ["2.50", "a"]], "total", "", "amount or a date"),
        (["po", "line"], [["1", "1"], ["1", "2"], ["2", "1"]], "", "", "“po” and “line” together"),
        (["code"], [["a1"], ["a2"]], "", "code", "“code” is different in every row"),
        (["x"], [["a"], ["a"]], "", "", None),
        (["x"], [], "", "", None),
    ],
)
async def test_a_column_of_ids_is_proposed_and_a_wrong_one_is_told(
    page: Page, names: list[str], rows: list[list[str]], chosen: str, proposed: str, told: str
) -> None:
    inside = {"names": names, "rows": rows}
    assert await call(page, "ids", "idColumn", inside) == proposed
    samples = [dict(zip(names, row, strict=True)) for row in rows]
    assert (id_columns.propose(suggest.sides(samples, {}), len(rows)) or "") == proposed
    hint = await call(page, "ids", "idHint", inside, chosen)
    assert (hint is None) == (told is None)
    assert (told or "") in (hint or "")


def side(name: str, *values: str) -> dict[str, object]:
    return {"name": name, "type": "string", "values": list(values)}


async def test_what_speaks_against_a_mapping_is_told(page: Page) -> None:
    invoices = side("invoice_id", *(f"INV-{number}" for number in range(12)))
    orders = side("po_id", *(f"PO-{number}" for number in range(12)))
    exact, near = {"strategy": "exact"}, {"strategy": "numeric_range"}
    hint = await call(page, "hints", "mappingHint", exact, invoices, orders)
    assert "None of the 12 values looked at in “invoice_id”" in hint
    assert await call(page, "hints", "mappingHint", exact, orders, orders) is None
    words = side("note", "please", "urgent", "paid 3")
    hint = await call(page, "hints", "mappingHint", near, words, side("total", "1", "2"))
    assert "“note” do not read as a number, such as “please”" in hint
    dated = {"strategy": "date_range"}
    assert await call(page, "hints", "mappingHint", dated, side("d", "1.3.24"), words) is not None
    assert await call(page, "hints", "mappingHint", {"strategy": "fuzzy"}, words, orders) is None


async def test_a_field_added_by_hand_begins_at_the_column_that_is_most_like_it(page: Page) -> None:
    columns = [side("number", "PO-1", "PO-2"), side("total", "10.50", "7.25"), side("vendor", "V")]
    added = await call(page, "hints", "bestMapping", side("amount_total", "10.50"), columns, [])
    assert (added["target"], added["strategy"]) == ("total", "numeric_range")


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"id": "row_1", "column.id": "7"}, "7"),
        ({"id": "row_1", "column.id": None}, None),
        ({"id": "7"}, "7"),
    ],
)
async def test_a_column_called_id_is_not_taken_for_the_rows_own(
    page: Page, row: dict[str, object], value: object
) -> None:
    assert await call(page, "samples", "valueIn", row, "id") == value


PAIRS = """async (pairs) => {
  const { mappingCards } = await import("/mapping.js");
  const mapping = { source: "amount", target: "total", strategy: "numeric_range", weight: 0.4 };
  const columns = [{ name: "total", type: "number", values: ["1"] }];
  const fields = [{ name: "amount", type: "string", values: ["1"] }];
  const cards = mappingCards({ mappings: [mapping], fields, columns, ids: {} }, () => {});
  cards.explain(pairs.map((pair, place) => ({ document_id: place, candidates: [{ evidence: { amount: pair } }] })));
  return [...cards.element.querySelectorAll(".pairs li")].map((each) => each.textContent);
}"""  # noqa: E501


async def test_examples_say_what_is_blank_unreadable_or_not_counted(page: Page) -> None:
    unread = {"document_value": "k.A.", "reference_value": "3806.85", "unreadable": "document"}
    pairs = [
        {"document_value": "7.50", "reference_value": "8.00", "score": 0.8499, "weight": 0.4},
        {"document_value": "7.50", "reference_value": " ", "score": 0.25, "weight": 0.4},
        {**unread, "score": 0, "weight": 0},
    ]
    assert await page.evaluate(PAIRS, pairs) == [
        "7.50 and 8.0084.9 %",
        "7.50 and blank25 %",
        "k.A. unreadable and 3806.85not counted",
    ]


async def test_evidence_says_the_same_and_how_far_numbers_are_apart(page: Page) -> None:
    script = """async (evidence) => {
      const table = (await import("/evidence.js")).evidenceTable(evidence);
      return [...table.querySelectorAll("tbody tr")].map((row) =>
        [...row.querySelectorAll("td")].map((cell) => cell.textContent));
    }"""
    measured = {"strategy": "numeric_range", "score": 0.5, "weight": 0.5}
    evidence = {
        "net": {**measured, "document_value": "7.200,30", "reference_value": "7161.62"},
        "gross": {**measured, "document_value": " ", "reference_value": None, "weight": 0},
    }
    assert await page.evaluate(script, evidence) == [
        ["7.200,30", "7161.6238.68 less", "25 %score 50 % \u00d7 weight 50 %"],
        ["blank", "missing", "0 %not counted"],
    ]


async def test_levels_count_a_sample_without_a_new_run(page: Page) -> None:
    nothing: list[float] = []
    sample = [
        {"candidates": [{"confidence": each} for each in confidences]}
        for confidences in (nothing, [0.2], [0.5, 0.1], [0.84], [0.85, 0.82], [1, 0.9701], [1, 1])
    ]
    levels = {"threshold": 0.85, "review": 0.5}
    parts = await call(page, "verdicts", "countVerdicts", sample, levels)
    assert parts == {"sure": 1, "unsure": 4, "low": 2}
    parts = await call(page, "verdicts", "countVerdicts", sample, {**levels, "margin": 0})
    assert parts == {"sure": 3, "unsure": 2, "low": 2}
