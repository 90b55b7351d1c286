"""`python -m cloud doctor`: tests what the backend needs to work; each line has a tick, or the cure."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cloud import settings
from cloud.doctor import lines
from cloud.doctor.lines import Finding
from device import VERSION

PARTS = ("settings", "broker", "database", "mail")


def examine(
    environment: Mapping[str, str],
    file: Path | None,
    parts: Iterable[str] = PARTS,
    *,
    dashboard: bool = False,
    secrets: Path | None = None,
    board: str | None = None,
    send: bool = False,
) -> Iterator[Finding]:
    """Test `parts`. Each needs only its own settings, so a person can fill them in one after the other.

    `secrets`: Streamlit's file, from which the dashboard takes its settings.
    """
    if dashboard:
        results = [_dashboard(environment, file, secrets)]
    else:
        results = [_findings(part, environment, file, send) for part in parts]
        results += [_board(board, environment, file)] if board is not None else []
    reported: set[str] = set()  # wrong settings, each once
    for findings in results:
        try:
            yield from findings
        except settings.SettingsError as wrong:
            for problem in wrong.problems:
                if problem not in reported:
                    reported.add(problem)
                    yield Finding("settings", problem, "bad")


def _findings(part: str, known: Mapping[str, str], file: Path | None, send: bool) -> Iterator[Finding]:
    # Each part brings its own libraries, and no part needs those of another.
    if part == "settings":
        yield Finding("vigie", f"version {VERSION}")
        settings.load(known, file)
        settings.read(settings.sites, known, file)
        settings.read(settings.access, known, file)
        there = f"{file} and " if file and file.exists() else ""
        yield Finding("settings", f"complete, from {there}the environment")
    elif part == "broker":
        from cloud.doctor import broker_checks  # noqa: PLC0415

        yield from broker_checks.findings(settings.read(settings.broker, known, file))
    elif part == "database":
        from cloud.doctor import database_checks  # noqa: PLC0415

        yield from database_checks.findings(
            settings.read(settings.database, known, file), *settings.read(settings.storage, known, file)
        )
    elif part == "mail":
        from cloud.doctor import mail_checks  # noqa: PLC0415

        yield from mail_checks.findings(settings.read(settings.mail, known, file), send=send)


def _dashboard(known: Mapping[str, str], file: Path | None, secrets: Path | None) -> Iterator[Finding]:
    from cloud.doctor import database_checks  # noqa: PLC0415

    if secrets:
        known = secrets_of_streamlit(secrets, known)
    if not known.get("MONGODB_URI"):
        cure = "copy .streamlit/secrets.toml.example there and fill it in"
        yield Finding(
            "secrets", f"no MONGODB_URI in .streamlit/secrets.toml, so {file}'s is tried: {cure}", "warn"
        )
    settings.read(settings.sites, known, file)
    settings.read(settings.access, known, file)
    yield from database_checks.of_the_dashboard(settings.read(settings.database, known, file))


def _board(board: str, known: Mapping[str, str], file: Path | None) -> Iterator[Finding]:
    from cloud.doctor import broker_checks  # noqa: PLC0415

    user, password, port = settings.read(settings.board, known, file)
    backends = settings.read(settings.broker, known, file)
    its = replace(backends, user=user, password=password, port=port)
    yield from broker_checks.of_a_board(backends, its, board)


def run(environment: Mapping[str, str], file: Path | None, parts: list[str], **more: object) -> int:
    """Print each finding; returns 1 when something is wrong."""
    kinds = []
    for finding in examine(environment, file, parts or PARTS, **more):  # type: ignore[arg-type]
        lines.show(finding)
        kinds.append(finding.kind)
    wrong = kinds.count("bad")
    if wrong:
        count = "1 thing is" if wrong == 1 else f"{wrong} things are"
        if file and not file.exists():
            print(f"there is no {file} here: cp .env.example {file}, and fill it in", file=sys.stderr)
        print(f"{count} wrong: the lines with {lines.MARKS['bad'][1]} say what to do", file=sys.stderr)
    return 1 if wrong else 0


def secrets_of_streamlit(file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in a secrets.toml, below those of the environment. Raises SettingsError."""
    import tomllib  # noqa: PLC0415

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise settings.SettingsError(
            [f"{file}: is not TOML (values stand in quotes): {problem}"]
        ) from problem
    tables = {name: value for name, value in document.items() if isinstance(value, dict)}
    hidden = [
        f"{file}: {name} is below [{table}], where it has no effect: move it above the first [section]"
        for table, values in tables.items()
        for name in settings.DASHBOARD_KEYS
        if name in values
    ]
    if hidden := hidden + settings.old_language(str(file), document):
        raise settings.SettingsError(hidden)
    return {name: str(value) for name, value in document.items() if name not in tables} | dict(environment)
