"""Are the pairs proposed that a person would choose, with a fitting strategy, and no others?"""

import csv
from pathlib import Path

import pytest

from service.cli import id_columns, suggest
from service.cli.suggest import Side

DATA = Path(__file__).parents[2] / "data"

ORDERS = {
    "order_date": ("date", ("2024-01-02", "2024-02-03", "2024-03-04")),
    "total": ("number", ("10.50", "99.00", "7.25")),
    "vendor": ("string", ("Vega Logistik GmbH", "Nordwind Energie AG", "Blau & Sohn")),
    "number": ("string", ("PO-1001", "PO-1002", "PO-1003")),
    "currency": ("string", ("EUR", "EUR", "USD", "EUR", "EUR", "USD")),
}
INVOICES = {
    "vendor_name": ("VEGA Logistik", "Nordwind Energy", "Blau und Sohn"),
    "invoice_date": ("14.01.2024", "2 Feb 2024", "05/03/2024"),
    "total_amount": ("10,50 EUR", "$99.00", "7.25"),
    "order_number": ("PO-1001", "PO-1002", "PO1003"),
    "currency": ("EUR", "USD", "EUR"),
    "remark": ("please pay", "", "urgent"),
}


def columns() -> list[Side]:
    """The columns of the orders."""
    return [Side(name, *rest) for name, rest in ORDERS.items()]


def test_names_kinds_and_values_lead_to_the_pairs() -> None:
    fields = [Side(name, "string", values) for name, values in INVOICES.items()]
    proposed = suggest.propose(fields, columns())
    assert {each["source"]: (each["target"], each["strategy"]) for each in proposed} == {
        "vendor_name": ("vendor", "fuzzy"),
        "invoice_date": ("order_date", "date_range"),
        "total_amount": ("total", "numeric_range"),
        "order_number": ("number", "exact"),
        "currency": ("currency", "exact"),
    }


def test_a_column_that_tells_little_weighs_little_and_all_weigh_one() -> None:
    fields = [Side(name, "string", values) for name, values in INVOICES.items()]
    weights = {each["source"]: each["weight"] for each in suggest.propose(fields, columns())}
    assert weights["currency"] == min(weights.values())  # type: ignore[type-var]
    assert sum(weights.values()) == pytest.approx(1, abs=0.03)  # type: ignore[arg-type]


def test_a_field_without_digits_is_no_number_and_no_date() -> None:
    words = Side("total", "string", ("many", "few"))
    assert suggest.affinity(words, Side("total", "number", ("1", "2"))) == 0
    assert suggest.affinity(words, Side("total", "date", ("2024-01-02",))) == 0


def test_tables_of_two_languages_are_paired_by_what_words_mean_and_values_share() -> None:
    columns = [
        Side("Bestellnr", "string", ("B-1", "B-2", "B-3")),
        Side("Kreditor", "string", ("Müller & Söhne", "Käse Krüger", "Weiß GmbH")),
        Side("Betrag", "string", ("1.250,00", "88,40", "7.310,05")),
        Side("Lieferdatum", "date", ("01.03.2024", "12.03.2024", "28.03.2024")),
    ]
    fields = [
        Side("invoice", "string", ("INV-1", "INV-2", "INV-3")),
        Side("supplierName", "string", ("MUELLER UND SÖHNE", "Krüger Käse", "WEISS")),
        Side("total", "string", ("1250", "88.4", "7310.05")),
        Side("due date", "string", ("2024-03-02", "2024-03-14", "2024-03-29")),
        Side("reference", "string", ("B-1", "b-2", "B-3")),
    ]
    proposed = suggest.propose_for(fields, columns, "invoice", "Bestellnr")
    assert {each["source"]: (each["target"], each["strategy"]) for each in proposed} == {
        "supplierName": ("Kreditor", "fuzzy"),
        "total": ("Betrag", "numeric_range"),
        "due date": ("Lieferdatum", "date_range"),
        "reference": ("Bestellnr", "exact"),
    }


def test_ids_of_two_kinds_are_left_alone_whatever_their_names() -> None:
    for ids in (("1", "2", "3"), ("A-1", "A-2", "A-3")):
        fields = [Side("id", "string", ids), Side("city", "string", ("Oslo",))]
        others = ids if ids[0] == "1" else ("B-1", "B-2", "B-3")
        columns = [Side("id", "string", others), Side("town", "string", ("Oslo",))]
        proposed = suggest.propose_for(fields, columns, "id", "id")
        assert [each["source"] for each in proposed] == ["city"]


def test_nothing_alike_is_no_proposal() -> None:
    assert suggest.propose([Side("colour", "string", ("red",))], columns()) == []


@pytest.mark.parametrize(
    ("documents", "reference", "expected"),
    [
        (
            "restaurants_zagats.csv",
            "restaurants_fodors.csv",
            {"name": "name", "addr": "addr", "city": "city", "phone": "phone", "type": "type"},
        ),
        (
            "dblp_acm_acm.csv",
            "dblp_acm_dblp.csv",
            {"title": "title", "authors": "authors", "venue": "venue", "year": "year"},
        ),
    ],
)
def test_shipped_tables_are_paired_by_their_columns(
    documents: str, reference: str, expected: dict[str, str]
) -> None:
    sides = []
    for name in (documents, reference):
        with (DATA / name).open(encoding="utf-8", newline="") as file:
            sides.append(suggest.sides(list(csv.DictReader(file))[:200], {"year": "integer"}))
    pairs = {str(each["source"]): each["target"] for each in suggest.propose(*sides)}
    pairs.pop("id", None)
    assert pairs == expected


def test_codes_in_digits_are_compared_as_they_are_and_names_mean_the_same() -> None:
    fields = [
        Side("zip", "string", ("50667", "90402")),
        Side("company", "string", ("Mueller Logistik", "Krueger")),
        Side("customer_since", "string", ("2024-01-31", "2024-02-12")),
    ]
    columns = [
        Side("PLZ", "integer", ("50667", "90402")),
        Side("Firma", "string", ("Müller Logistik GmbH", "Krüger AG")),
        Side("Seit", "string", ("31.01.2024", "12.02.2024")),
    ]
    found = {
        each["source"]: (each["target"], each["strategy"])
        for each in suggest.propose(fields, columns)
    }
    assert found == {
        "zip": ("PLZ", "exact"),
        "company": ("Firma", "fuzzy"),
        "customer_since": ("Seit", "date_range"),
    }


@pytest.mark.parametrize(
    ("columns", "proposed"),
    [
        ({"number": ("1", "2"), "po_id": ("A", "B")}, "po_id"),
        ({"name": ("a", "b"), "order_number": ("1", "2")}, "order_number"),
        ({"id": ("1", "1")}, None),
        ({"id": ("1",)}, None),
        ({"code": ("1.50", "2.50")}, None),
        ({"id": ("2024-01-02", "2024-01-03")}, None),
        ({"name": ("a", "b")}, None),
    ],
)
def test_a_column_of_ids_is_unique_filled_and_named_so(
    columns: dict[str, tuple[str, ...]], proposed: str | None
) -> None:
    given = [Side(name, "string", values) for name, values in columns.items()]
    assert id_columns.propose(given, 2) == proposed
