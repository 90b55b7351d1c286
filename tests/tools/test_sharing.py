"""Which worker of `make test` gets which test."""

from tests import sharing, tree

HERE = tree.ROOT / "tests"
TESTS = {path.relative_to(HERE).as_posix() for path in tree.files() if path.is_relative_to(HERE)}


def test_every_place_that_is_named_is_there():
    for named in (*sharing.WAITING, *sharing.ALONE, *sharing.FIRST):
        assert named == sharing.HEAVY or any(file.startswith(named) for file in TESTS), named


def test_what_needs_a_broker_a_board_or_a_browser_waits():
    """A worker that waits knows of no other file, so all of such a scope must lie in those."""
    for file in TESTS:
        text = (HERE / file).read_text() if "/test_" in file and file.endswith(".py") else ""
        if '"hivemq"' in text or "all_brokers" in text or "brokers_with_rules" in text or "Watched(" in text:
            assert sharing.waits_in(file) or file == "tools/test_sharing.py", file


def test_a_scope_is_a_file_a_test_or_what_shares_a_start():
    assert sharing.scope("tests/cloud/store/test_store.py::test_it[1]") == "cloud/store/test_store.py"
    alone = "board/test_boot.py::test_ctrl_c"
    assert sharing.scope("tests/" + alone) == alone and sharing.waits(alone)
    for test in ("cloud/test_doctor.py::test_it[hivemq]", "cloud/ingest/test_sessions.py::test_it[x-hivemq]"):
        assert sharing.scope("tests/" + test) == sharing.HEAVY
    assert (
        sharing.scope("tests/cloud/plans/test_plan.py::test_it[x.hivemq.cloud]") == "cloud/plans/test_plan.py"
    )
    assert sharing.scope("tests/dashboard/test_dashboard_browser.py::test_it") == sharing.HEAVY
