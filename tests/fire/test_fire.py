"""Short forms of what ``make torture`` does at length to a service that really runs."""

import sys

import pytest
from tests.fire import attacks, clocks, full_disks, kills, memory, outages, restarts, strangers

pytestmark = [
    pytest.mark.newest,
    pytest.mark.skipif(sys.platform != "linux", reason="kills, limits and mounts as Linux knows them"),
]


def test_kill_9_of_a_worker_and_of_everything_loses_no_row_and_doubles_none() -> None:
    assert "0 lost, 0 doubled" in kills.kill(2, bar=None)


def test_no_request_fails_in_rolling_restarts() -> None:
    assert "0 failed" in restarts.restart(2, clients=4, drain_seconds=0.2)


@pytest.mark.parametrize("mode", ["refuse", "degrade"])
def test_all_rows_are_there_in_their_order_after_postgresql_was_away(mode: outages.Mode) -> None:
    try:
        said = outages.stop_database(1, mode)
    except outages.NoPostgresError as error:
        pytest.skip(str(error))
    assert "0 lost, 0 doubled" in said


def test_a_full_disk_under_the_journal_is_503_until_there_is_room() -> None:
    assert "0 lost, 0 doubled" in full_disks.fill_journal()


def test_a_full_disk_under_a_result_leaves_one_line_and_no_result() -> None:
    assert "cannot be written" in full_disks.fill_output()


def test_a_full_disk_under_a_model_leaves_one_line_and_no_model() -> None:
    assert "cannot be written" in full_disks.fill_models()


def test_it_serves_within_512_megabytes() -> None:
    assert "0 failed" in memory.endure(2, bar=None)


def test_jumps_of_the_clock_let_nobody_in_and_keep_the_order() -> None:
    try:
        said = clocks.jump(("+0", "+400d", "-400d", "+0"))
    except clocks.NoFaketimeError as error:
        pytest.skip(str(error))
    assert "in order" in said


def test_hostile_requests_are_client_errors_and_leave_no_trace() -> None:
    assert "nothing of them" in attacks.attack()


def test_strangers_get_nothing_on_any_route() -> None:
    assert "nobody got in" in strangers.intrude()
