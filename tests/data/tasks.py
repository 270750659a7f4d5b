"""Which documents, reference rows, rules and truth make up the matching tasks of the project?"""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
)
from service.domain.identifiers import ReferenceRowId
from tests.data import make_invoices

FOLDER = Path(__file__).parent

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    """Documents to match; `truth` holds for each the positions of its true rows, maybe none."""

    rules: MatchingRules
    documents: Sequence[Mapping[str, str]]
    rows: Sequence[Mapping[str, str]]
    truth: Sequence[frozenset[int]]

    @property
    def row_ids(self) -> list[ReferenceRowId]:
        """Ids by position."""
        return [ReferenceRowId(f"row_{position}") for position in range(1, len(self.rows) + 1)]

    @property
    def columns(self) -> dict[str, list[str | None]]:
        """The reference rows as columns."""
        return {name: [row[name] for row in self.rows] for name in self.rows[0]}

    def first_documents(self, count: int) -> "Task":
        """Keep the first documents only."""
        return replace(self, documents=self.documents[:count], truth=self.truth[:count])

    def drop_rows(self, share: float, seed: int = 0) -> "Task":
        """Remove a share of the reference rows, so that some documents have no match."""
        draw = random.Random(seed)
        kept = [row for row in range(len(self.rows)) if draw.random() >= share]
        moved = {old: new for new, old in enumerate(kept)}
        truth = [frozenset(moved[row] for row in rows if row in moved) for rows in self.truth]
        return replace(self, rows=[self.rows[row] for row in kept], truth=truth)


INVOICE_MAPPINGS = (
    ExactMapping(source="po_number", target="po_number", weight=0.25),
    FuzzyMapping(source="vendor_name", target="vendor_name", weight=0.30),
    NumericRangeMapping(source="amount", target="amount", weight=0.20, tolerance_percent=2),
    DateRangeMapping(source="invoice_date", target="order_date", weight=0.10, tolerance_days=60),
    ExactMapping(source="currency", target="currency", weight=0.05),
    FuzzyMapping(source="description", target="description", weight=0.10),
)
FEBRL4_MAPPINGS = (
    FuzzyMapping(source="given_name", target="given_name", weight=0.20),
    FuzzyMapping(source="surname", target="surname", weight=0.20),
    DateRangeMapping(source="date_of_birth", target="date_of_birth", weight=0.20, tolerance_days=1),
    FuzzyMapping(source="address_1", target="address_1", weight=0.15),
    FuzzyMapping(source="suburb", target="suburb", weight=0.10),
    ExactMapping(source="postcode", target="postcode", weight=0.10),
    NumericRangeMapping(
        source="street_number", target="street_number", weight=0.05, tolerance_absolute=0
    ),
)
DBLP_ACM_MAPPINGS = (
    FuzzyMapping(source="title", target="title", weight=0.5),
    FuzzyMapping(source="authors", target="authors", weight=0.25),
    FuzzyMapping(source="venue", target="venue", weight=0.10),
    NumericRangeMapping(source="year", target="year", weight=0.15, tolerance_absolute=0),
)
RESTAURANT_MAPPINGS = (
    FuzzyMapping(source="name", target="name", weight=0.4),
    FuzzyMapping(source="addr", target="addr", weight=0.3),
    FuzzyMapping(source="city", target="city", weight=0.1),
    ExactMapping(source="phone", target="phone", weight=0.2),
)


def load_invoices() -> Task:
    """The shipped 500 invoices against 1,000 purchase orders."""
    folder = FOLDER / "invoices_1k"
    truth = [row["po_id"] for row in _read(folder / "truth.csv")]
    return _invoices(_read(folder / "invoices.csv"), _read(folder / "purchase_orders.csv"), truth)


def generate_invoices(rows: int, documents: int, seed: int, profile: str = "normal") -> Task:
    """Fresh invoices of any size; the same arguments give the same task."""
    orders, invoices, truths = make_invoices.generate(  # type: ignore[no-untyped-call]
        rows, documents, seed, profile
    )
    return _invoices(
        [dict(zip(make_invoices.INV_COLS, invoice, strict=True)) for invoice in invoices],
        [dict(zip(make_invoices.PO_COLS, order, strict=True)) for order in orders],
        [truth[1] for truth in truths],
    )


def load_febrl4() -> Task:
    """5,000 noisy copies of 5,000 generated people."""
    documents, rows = _read(FOLDER / "febrl4_b.csv"), _read(FOLDER / "febrl4_a.csv")
    position = {row["rec_id"].split("-")[1]: place for place, row in enumerate(rows)}
    truth = [frozenset({position[document["rec_id"].split("-")[1]]}) for document in documents]
    return Task(_rules(FEBRL4_MAPPINGS), documents, rows, truth)


def load_dblp_acm() -> Task:
    """Papers as listed by ACM against papers as listed by DBLP."""
    pairs = [(pair["acm_id"], pair["dblp_id"]) for pair in _read(FOLDER / "dblp_acm_truth.csv")]
    documents, rows = _read(FOLDER / "dblp_acm_acm.csv"), _read(FOLDER / "dblp_acm_dblp.csv")
    return Task(_rules(DBLP_ACM_MAPPINGS), documents, rows, _pair_up(documents, rows, pairs))


def load_restaurants() -> Task:
    """Restaurants of one guide against those of another."""
    truth = _read(FOLDER / "restaurants_truth.csv")
    pairs = [(pair["zagats_id"], pair["fodors_id"]) for pair in truth]
    documents = _read(FOLDER / "restaurants_zagats.csv")
    rows = _read(FOLDER / "restaurants_fodors.csv")
    return Task(_rules(RESTAURANT_MAPPINGS), documents, rows, _pair_up(documents, rows, pairs))


def _invoices(documents: list[Row], rows: list[Row], truth: list[str]) -> Task:
    position = {row["po_id"]: place for place, row in enumerate(rows)}
    places = [frozenset({position[po_id]}) if po_id else frozenset[int]() for po_id in truth]
    return Task(_rules(INVOICE_MAPPINGS), documents, rows, places)


def _pair_up(
    documents: list[Row], rows: list[Row], pairs: list[tuple[str, str]]
) -> list[frozenset[int]]:
    position = {row["id"]: place for place, row in enumerate(rows)}
    truth: dict[str, set[int]] = {document["id"]: set() for document in documents}
    for document_id, row_id in pairs:
        truth[document_id].add(position[row_id])
    return [frozenset(truth[document["id"]]) for document in documents]


def _rules(mappings: tuple[FieldMapping, ...]) -> MatchingRules:
    return MatchingRules(field_mappings=mappings)


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
