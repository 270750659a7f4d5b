"""Does a service that was started again find the index of its last run, and get over a bad one?"""

from pathlib import Path

import pytest

from tests.acceptance.crash_runs import Client, check_whole, start_run, wait_until_ended
from tests.service_process import running

pytestmark = pytest.mark.timeout(120)


DOCUMENTS = 1_000


def test_a_saved_index_is_found_again_and_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir) as service, Client(service) as client:
        first = wait_until_ended(client, start_run(client, DOCUMENTS))
        check_whole(client, first, DOCUMENTS)
    (saved,) = (data_dir / "indexes").glob("*.index")
    before, whole = saved.stat(), saved.read_bytes()
    for rows in (data_dir / "reference-files").iterdir():
        rows.unlink()
    again = f"/v1/matching/configs/{first['matching_config_id']}/run"
    with running(data_dir) as service, Client(service) as client:
        second = wait_until_ended(client, client.post(again).raise_for_status().json())
        check_whole(client, second, DOCUMENTS)
    assert saved.stat().st_ino == before.st_ino
    assert list((data_dir / "reference-files").iterdir()) == []
    saved.write_bytes(whole[:-100] + bytes(100))
    with running(data_dir) as service, Client(service) as client:
        third = wait_until_ended(client, client.post(again).raise_for_status().json())
        check_whole(client, third, DOCUMENTS)
    assert saved.read_bytes() == whole
    assert first["avg_confidence"] == second["avg_confidence"] == third["avg_confidence"]
