"""Does the doctor find what keeps a service from working, and touch nothing?"""

from pathlib import Path

from tests.service_process import run_command, running


def test_a_sound_installation_has_nothing_wrong_and_stays_as_it_is(tmp_path: Path) -> None:
    found = run_command(tmp_path / "data", "doctor")
    assert found.returncode == 0, found.stdout
    assert "WRONG" not in found.stdout
    assert "matching kernel: compiled" in found.stdout
    assert "none runs on the data directory" in found.stdout
    assert f"{tmp_path / 'data'}, not there yet: the first start makes it" in found.stdout
    assert not (tmp_path / "data").exists()


def test_beside_a_service_it_says_that_it_is_ready_and_webhooks_can_be_managed(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with running(data) as service:
        found = run_command(data, "doctor")
        assert f"ok    service: {service.url} is ready" in found.stdout

        made = run_command(data, "webhooks", "create", "https://example.com/hook")
        assert made.stdout.startswith("whsec_")
        listed = run_command(data, "webhooks", "list")
        webhook_id, url, enabled, reason = listed.stdout.splitlines()[1].split("\t")
        assert (url, enabled, reason) == ("https://example.com/hook", "yes", "-")
        sent = run_command(data, "webhooks", "deliveries", webhook_id, "--json")
        assert (sent.returncode, sent.stdout) == (0, "")
        assert run_command(data, "webhooks", "delete", webhook_id).stdout == "Deleted.\n"
        gone = run_command(data, "webhooks", "ping", webhook_id)
        assert gone.returncode == 1
        assert webhook_id in gone.stderr
