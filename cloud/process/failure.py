"""Failures in words, without secrets: short for a log line, or with the cure for a person."""

import re
from typing import Any

from pymongo.database import Database
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

UNAUTHORIZED, WRONG_LOGIN, ATLAS = 13, 18, 8000  # Atlas has one code for both, and for "full"
SPACE = "space quota"  # "you are over your space quota, using 513 MB of 512 MB"
REFUSED = ("bad auth", "authentication failed", "not allowed", "not authorized", "unauthorized")
FULL = (
    "it is full and refuses writes: Vigie deletes what is past RETENTION_DAYS, then the oldest readings; "
    "lower RETENTION_DAYS, empty the cluster's other databases or buy a bigger plan"
)
LONGEST = 160
ATLAS_ALERT = "TLSV1_ALERT_INTERNAL_ERROR"  # 80: what Atlas says to an address that it does not let in


def of_database(problem: PyMongoError) -> str:
    """Why the database ("it") does not do what it is asked, and the cure, in one line."""
    if isinstance(problem, OperationFailure) and problem.code == UNAUTHORIZED:
        cure = "does MONGODB_URI name a user with the rights of docs/security.md?"
        return f"it does not allow this: {brief(problem)} ({cure})"
    if SPACE in str(problem):
        return FULL
    if isinstance(problem, OperationFailure) and problem.code in (WRONG_LOGIN, ATLAS):
        cure = "check user and password in MONGODB_URI (percent-encode : / ? # [ ] @ in them)"
        return f"it refuses the login: {cure}"
    text = _without_secrets(str(problem)).partition(" (configured timeouts")[0]
    if ATLAS_ALERT in text.upper().replace(" ", "_"):
        cure = "on Atlas, Network Access must list this computer's address"
        return f"it ends the TLS handshake with an alert ({cure})"
    if isinstance(problem, ConfigurationError):
        return f"its name cannot be looked up: {text[:LONGEST]} (copy MONGODB_URI anew from Connect, Drivers)"
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
        return f"no TLS connection: {text[:LONGEST]} (check tls options and tlsCAFile in MONGODB_URI)"
    if isinstance(problem, ServerSelectionTimeoutError | ConnectionFailure):
        cure = "check the host in MONGODB_URI; on Atlas, Network Access must list this computer's address"
        return f"it cannot be reached: {text.partition(',')[0][:LONGEST]} ({cure})"
    return f"it does not answer: {brief(problem)}"


def brief(problem: BaseException) -> str:
    """The first line of an error, short enough for a log line."""
    text = _without_secrets(f"{type(problem).__name__}: {problem}".splitlines()[0])
    return text.partition(", full error")[0][:LONGEST]


def is_full(problem: PyMongoError, database: Database[Any]) -> bool:
    """Whether the database refused a write because it is full. A full Atlas cluster still reads and deletes.

    Atlas has the same code for a refused user. Where the words do not say which it is, the function tries a
    read and a delete.
    """
    if not isinstance(problem, OperationFailure):
        return False
    errors = (problem.details or {}).get("writeErrors", [])
    if ATLAS not in (problem.code, *(error.get("code") for error in errors)):
        return False
    words = str(problem).lower()
    if SPACE in words:
        return True
    if any(refusal in words for refusal in REFUSED):
        return False
    nothing = {"_id": "vigie: there is no such document"}
    try:
        database["buckets"].find_one(nothing, {"_id": 1})
        database["buckets"].delete_one(nothing)
    except PyMongoError:
        return False
    return True


def is_general(problem: Exception) -> bool:
    """Whether the problem concerns everything: the database is away, or refuses this user."""
    if not isinstance(problem, PyMongoError):
        return False
    refuses = isinstance(problem, OperationFailure) and problem.code in (UNAUTHORIZED, WRONG_LOGIN, ATLAS)
    return isinstance(problem, ConnectionFailure) or problem.timeout or refuses


def _without_secrets(text: str) -> str:
    return re.sub(r"//[^@/\s]*@", "//…@", text)
