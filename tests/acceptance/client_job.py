"""What does an integrator do? The main job, with nothing but a client made from the description.

python client_job.py URL KEY
"""

import io
import sys
import time

from matchstream_client import AuthenticatedClient
from matchstream_client.api.documents import upsert_documents
from matchstream_client.api.matching_configs import create_config, update_config
from matchstream_client.api.reference_data import create_reference_data
from matchstream_client.api.results import list_results, review_result
from matchstream_client.api.runs import get_progress, get_run, start_run
from matchstream_client.models import (
    Config,
    ConfigBody,
    ConfigBodyChange,
    DateRangeBody,
    ExactBody,
    FuzzyBody,
    NewDocument,
    NewDocumentFields,
    NewDocuments,
    NumericRangeBody,
    Problem,
    Progress,
    ReferenceData,
    ReferenceDataForm,
    Result,
    ResultPage,
    ReviewRequest,
    ReviewStatus,
    Run,
    RunDetail,
    RunRequest,
    RunStatus,
    StoredDocuments,
)
from matchstream_client.types import File

ORDERS = b"order,vendor\nPO-1,Alpine Metalworks\nPO-2,Borealis Paper\n"
INVOICES = (
    {"vendor": "ALPINE METAL WORKS", "order": "PO-1"},
    {"vendor": "Borealis", "order": "PO-2"},
)
COLLECTION = "client"
POLL_SECONDS = 0.1


def main(url: str, key: str) -> None:
    """Upload, configure, run, wait, read the results, and review one."""
    with AuthenticatedClient(base_url=url, token=key) as client:
        config = configure(client)
        run = wait(client, begin(client, config))
        assert run.status is RunStatus.COMPLETED
        assert (run.rows_total, run.rows_matched) == (2, 2)
        review(client, run)
        refused = get_run.sync(client=client, run_id=config.id)
        assert isinstance(refused, Problem)
        assert refused.code == "not_found"


def configure(client: AuthenticatedClient) -> Config:
    """Upload orders and invoices, and say how they compare."""
    form = ReferenceDataForm(file=File(io.BytesIO(ORDERS), "orders.csv"), id_column="order")
    data = create_reference_data.sync(client=client, body=form)
    assert isinstance(data, ReferenceData)
    assert [column.name for column in data.columns] == ["order", "vendor"]
    invoices = [
        NewDocument(NewDocumentFields.from_dict(fields), f"INV-{number}", collection=COLLECTION)
        for number, fields in enumerate(INVOICES)
    ]
    stored = upsert_documents.sync(client=client, body=NewDocuments(invoices))
    assert isinstance(stored, StoredDocuments)
    assert stored.created == len(invoices)
    mappings: list[DateRangeBody | ExactBody | FuzzyBody | NumericRangeBody] = [
        FuzzyBody(source="vendor", target="vendor", weight=1, strategy="fuzzy"),
        ExactBody(source="order", target="order", weight=3, strategy="exact"),
    ]
    body = ConfigBody(name="Invoices", reference_data_id=data.id, field_mappings=mappings)
    config = create_config.sync(client=client, body=body)
    assert isinstance(config, Config)
    change = ConfigBodyChange(threshold=0.7)
    changed = update_config.sync(client=client, config_id=config.id, body=change)
    assert isinstance(changed, Config)
    assert changed.field_mappings == config.field_mappings
    return changed


def begin(client: AuthenticatedClient, config: Config) -> Run:
    """Start a run of the config."""
    body = RunRequest(collection=COLLECTION)
    run = start_run.sync(client=client, config_id=config.id, body=body)
    assert isinstance(run, Run)
    return run


def wait(client: AuthenticatedClient, run: Run) -> RunDetail:
    """Poll until the run has ended."""
    while True:
        progress = get_progress.sync(client=client, run_id=run.id)
        assert isinstance(progress, Progress)
        if progress.phase == "done":
            break
        time.sleep(POLL_SECONDS)
    ended = get_run.sync(client=client, run_id=run.id)
    assert isinstance(ended, RunDetail)
    return ended


def review(client: AuthenticatedClient, run: RunDetail) -> None:
    """Approve the best result."""
    page = list_results.sync(client=client, run_id=run.id, matched=True)
    assert isinstance(page, ResultPage)
    best = page.data[0]
    assert best.evidence["order"].reference_value == best.matched_reference_row_id
    verdict = ReviewRequest(status=ReviewStatus.APPROVED, notes="seen")
    reviewed = review_result.sync(client=client, run_id=run.id, result_id=best.id, body=verdict)
    assert isinstance(reviewed, Result)
    assert reviewed.status is ReviewStatus.APPROVED


if __name__ == "__main__":
    main(*sys.argv[1:])
