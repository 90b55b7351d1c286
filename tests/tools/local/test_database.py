"""The local database is a real mongod that takes majority writes and finds itself again on another port."""

import socket

import pytest
from pymongo import MongoClient, WriteConcern

from tools.local.database.mongod import Database
from tools.process.child import ToolFailed


def open_database(folder):
    made = Database(folder / "db", folder / "db.log")
    made.start()
    return made


def test_what_was_written_is_there_after_a_restart_on_another_port(tmp_path):
    first = open_database(tmp_path)
    try:
        with MongoClient(first.uri) as client:
            things = client.test.get_collection("things", write_concern=WriteConcern("majority", j=True))
            things.insert_one({"_id": 1})
    finally:
        first.stop()
    second = open_database(tmp_path)
    try:
        assert second.port != first.port
        with MongoClient(second.uri) as client:
            assert client.test.things.find_one() == {"_id": 1}
    finally:
        second.stop()
    assert not second.child.running


def test_a_database_of_ones_own_is_used_and_neither_started_nor_stopped(tmp_path):
    running = open_database(tmp_path)
    try:
        outside = Database(
            tmp_path / "no", tmp_path / "no.log", port=1, environment={"MONGODB_URI": running.uri}
        )
        outside.start()
        outside.stop()
        assert outside.uri == running.uri
        assert running.child.running
        assert not (tmp_path / "no").exists()
    finally:
        running.stop()


def test_a_mongod_that_cannot_start_says_why(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        database = Database(tmp_path / "db", tmp_path / "db.log", port=other.getsockname()[1])
        with pytest.raises(ToolFailed, match=r"does not start[\s\S]*Address already in use[\s\S]*db\.log"):
            database.start()
    assert not database.child.running
