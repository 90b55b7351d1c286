"""Whether this process does its work: `/healthz`, `/readyz` and `/metrics` on one port, and the heartbeat.

    /healthz   200 while every part runs; otherwise the process should be restarted
    /readyz    200 while it also reaches broker and database and makes progress; else 503 with the reasons
    /metrics   the same and all counters, as Prometheus reads them

The heartbeat requests HEARTBEAT_URL each minute while `/readyz` would say 200. The service behind that
address (a free one will do) warns when the requests stop, also when this whole machine is gone.
"""

import json
import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

log = logging.getLogger("health")

BEAT = 60.0  # s
BEAT_TIMEOUT = 10.0
CONNECTIONS = 32  # at once
FRESH = 1.0  # s that an answer is kept, so that frequent requests do not load the database

Check = Callable[[], str | None]  # what is wrong, or None
Numbers = Callable[[], Mapping[str, float]]


class Health:
    """Checks by name: `alive` for what only a restart can mend, `ready` for what may pass by itself."""

    def __init__(self, alive: Mapping[str, Check], ready: Mapping[str, Check], numbers: Numbers) -> None:
        self._alive, self._ready = dict(alive), dict(ready)
        self._numbers = numbers
        self._lock = threading.Lock()
        self._asked = 0.0
        self._known: dict[str, str] = {}

    def dead(self) -> dict[str, str]:
        return _wrong(self._alive)

    def unready(self) -> dict[str, str]:
        """What keeps the process from working: reasons by name of the check; {} = nothing."""
        with self._lock:
            if time.monotonic() - self._asked > FRESH:
                self._known = self.dead() | _wrong(self._ready)
                self._asked = time.monotonic()
            return self._known

    def metrics(self) -> str:
        """Prometheus' text format; names that end in `_total` only grow."""
        wrong = self.unready()
        lines = []
        for name, value in {"ready": float(not wrong), **self._numbers()}.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# TYPE vigie_{name} {kind}", f"vigie_{name} {value:.15g}"]
        lines.append("# TYPE vigie_part_ready gauge")
        lines += [
            f'vigie_part_ready{{part="{name}"}} {int(name not in wrong)}'
            for name in (*self._alive, *self._ready)
        ]
        return "\n".join(lines) + "\n"


def _wrong(checks: Mapping[str, Check]) -> dict[str, str]:
    results = ((name, check()) for name, check in checks.items())
    return {name: reason for name, reason in results if reason is not None}


class _Few(ThreadingHTTPServer):
    """At most CONNECTIONS at once: a new one replaces the oldest, so idle connections keep nobody out."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: dict[socket.socket, None] = {}  # oldest first
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._open) >= CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                try:
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread sees the end, and closes it
                except OSError:
                    pass  # it is gone already
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)


class Server:
    """Answers on `port` of every address until `stop`. Raises OSError when the port is taken."""

    def __init__(self, health: Health, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            server_version, sys_version = "vigie", ""
            timeout = 5

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._answer(200, health.metrics(), "text/plain; version=0.0.4")
                elif path in ("/healthz", "/readyz"):
                    wrong = health.dead() if path == "/healthz" else health.unready()
                    body = json.dumps({"status": "trouble" if wrong else "ok", **wrong}) + "\n"
                    self._answer(503 if wrong else 200, body, "application/json")
                else:
                    self._answer(404, "there is /healthz, /readyz and /metrics\n", "text/plain")

            do_HEAD = do_GET

            def _answer(self, code: int, text: str, kind: str) -> None:
                body = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass  # nobody needs a log line for each probe

        self._server = _Few(("", port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def beat(health: Health, url: str, stop: threading.Event, every: float = BEAT) -> None:
    """Request `url` every `every` seconds while `/readyz` would say 200, until `stop`.

    The URL is a secret: no log line shows it.
    """
    silent = False
    while not stop.wait(every):
        wrong = health.unready()
        try:
            if not wrong:
                with urllib.request.urlopen(url, timeout=BEAT_TIMEOUT):  # noqa: S310  settings allow http(s) only
                    pass
        except (OSError, ValueError, HTTPException) as problem:
            reason = getattr(problem, "code", None) or type(problem).__name__
            wrong = {"heartbeat": f"HEARTBEAT_URL does not answer ({reason})"}
        if bool(wrong) != silent:
            silent = bool(wrong)
            reasons = "; ".join(f"{name}: {reason}" for name, reason in wrong.items())
            if silent:
                log.warning("no heartbeat: %s", reasons)
            else:
                log.info("the heartbeat goes on")
