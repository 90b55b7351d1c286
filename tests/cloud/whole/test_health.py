"""What the backend says of itself, asked over HTTP, with real parts that really stop."""

import json
import signal
import socket
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cloud.process.health import CONNECTIONS, Health, Server, beat
from tests.cloud.conftest import wait_for
from tools import plan
from tools.local import ports


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as reply:
        return reply.code, reply.read().decode()


def metric(text, name):
    (value,) = [line.split()[1] for line in text.splitlines() if line.split()[0] == name]
    return float(value)


@pytest.fixture
def heart():
    """Whoever waits for heartbeats; how many came."""
    beats = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            beats.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/secret-uuid", beats
    server.shutdown()
    server.server_close()


def test_idle_connections_keep_nobody_out_and_make_no_threads_without_end():
    server = Server(Health({}, {}, dict), 0)
    before = threading.active_count()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    for connection in idle:
        connection.send(b"GET /met")
    assert get(server.port, "/healthz")[0] == 200
    wait_for(lambda: threading.active_count() - before <= CONNECTIONS + 1, "few threads", 4)
    for connection in idle:
        connection.close()
    server.stop()


def test_a_running_backend_is_ready_and_counts(backend, board):
    port = ports.free()
    running = backend(HEALTH_PORT=str(port))
    running.wait_for_line("listening")
    wait_for(lambda: get(port, "/readyz")[0] == 200, "readiness")
    assert get(port, "/healthz") == (200, '{"status": "ok"}\n')
    c001 = board()
    c001.send(range(5))
    wait_for(lambda: c001.acked == set(range(5)), "the acks")
    wait_for(lambda: metric(get(port, "/metrics")[1], "vigie_readings_total") == 5, "the count")
    text = get(port, "/metrics")[1]
    assert metric(text, "vigie_ready") == 1 and metric(text, "vigie_acks_total") >= 1
    assert metric(text, "vigie_received_bytes_total") > 200
    assert metric(text, "vigie_boards") == 1 and metric(text, "vigie_database_operations_total") > 5
    assert metric(text, "vigie_memory_bytes") > 2**25 and metric(text, "vigie_mails_total") == 0
    wanted = plan.running(text.replace("vigie_uptime_seconds ", "vigie_uptime_seconds 100"))
    assert wanted["sessions"] == 2 and wanted["traffic_gb"] > 0 and wanted["compute_usd"] > 0
    assert metric(text, 'vigie_part_ready{part="broker"}') == 1
    assert get(port, "/elsewhere")[0] == 404


def test_without_the_database_it_is_alive_but_not_ready(backend, mongod):
    port = ports.free()
    backend("ingest", HEALTH_PORT=str(port)).wait_for_line("listening")
    wait_for(lambda: get(port, "/readyz")[0] == 200, "readiness")
    mongod.child.send(signal.SIGSTOP)
    try:
        code, text = wait_for(
            lambda: (answer := get(port, "/readyz"))[0] == 503 and answer, "the trouble", 30
        )
        assert "database does not answer" in json.loads(text)["store"]
        assert get(port, "/healthz")[0] == 200
        assert metric(get(port, "/metrics")[1], "vigie_ready") == 0
    finally:
        mongod.child.send(signal.SIGCONT)
    wait_for(lambda: get(port, "/readyz")[0] == 200, "readiness again", 30)


def test_a_taken_port_is_told(backend):
    server = Server(Health({}, {}, dict), 0)
    running = backend("ingest", HEALTH_PORT=str(server.port))
    running.wait_for_line(f"HEALTH_PORT {server.port} cannot be used")
    assert running.process.wait(20) == 2
    server.stop()


def test_the_heart_beats_while_all_is_well_and_only_then(heart, caplog):
    url, beats = heart
    trouble = []
    stop = threading.Event()
    health = Health({}, {"store": lambda: trouble[0] if trouble else None}, dict)
    thread = threading.Thread(target=beat, args=(health, url, stop, 0.05))
    thread.start()
    wait_for(lambda: len(beats) > 2, "heartbeats")
    trouble.append("gone")
    wait_for(lambda: "no heartbeat: store: gone" in caplog.text, "the line that says so")
    count = len(beats)
    assert not stop.wait(0.3) and len(beats) <= count + 1
    trouble.clear()
    wait_for(lambda: len(beats) > count + 1, "heartbeats again")
    stop.set()
    thread.join()
    assert "secret-uuid" not in caplog.text


def test_a_heartbeat_that_nobody_hears_is_told_once_without_its_address(caplog):
    stop = threading.Event()
    url = f"http://127.0.0.1:{ports.free()}/secret-uuid"
    thread = threading.Thread(target=beat, args=(Health({}, {}, dict), url, stop, 0.02))
    thread.start()
    wait_for(lambda: "HEARTBEAT_URL does not answer" in caplog.text, "the line")
    assert not stop.wait(0.2)
    stop.set()
    thread.join()
    assert len(caplog.records) == 1 and "secret-uuid" not in caplog.text


def test_a_heartbeat_that_is_answered_with_rubbish_ends_no_process(caplog):
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as rubbish:

        def answer():
            with rubbish.accept()[0] as wire:
                wire.recv(1000)
                wire.sendall(b"rubbish\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{rubbish.getsockname()[1]}/"
        thread = threading.Thread(target=beat, args=(Health({}, {}, dict), url, stop, 0.02))
        thread.start()
        wait_for(lambda: "HEARTBEAT_URL does not answer (BadStatusLine)" in caplog.text, "the line")
        assert thread.is_alive()
        stop.set()
    thread.join(20)


def test_logs_can_be_json_and_hold_no_secret(backend, environment):
    running = backend("ingest", LOG_FORMAT="json")
    running.wait_for_line("listening")
    assert running.stop() == 0
    lines = [json.loads(line) for line in running.lines]
    assert {"time", "level", "part", "text"} <= set(lines[0])
    for name in ("MQTT_PASSWORD", "VIGIE_KEY", "SENDGRID_API_KEY"):
        assert environment[name] not in "\n".join(running.lines)
