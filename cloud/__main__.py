"""The commands of the cloud: `python -m cloud run` and its kin."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from pymongo.errors import PyMongoError

from cloud import database, log, settings
from cloud.reader import Reader

ENV_FILE = Path(".env")


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 = well, 1 = something is wrong, 2 = the command or the settings are."""
    if argv[:1] == ["train"]:  # its own options
        from cloud.training import command  # noqa: PLC0415  scikit-learn takes its time to load

        return int(command.main(argv[1:]))
    options = _parser().parse_args(argv)
    try:
        return int(options.command(options))
    except settings.SettingsError as problem:
        print(problem, file=sys.stderr)
        return 2
    except PyMongoError as problem:
        print(f"the database cannot be asked ({type(problem).__name__}): check MONGODB_URI", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cloud", description="Vigie's cloud companion.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, ingest, watch, text in (
        ("run", True, True, "the whole backend: ingest, watch, alerts, sealing"),
        ("ingest", True, False, "one more ingest worker (set MQTT_SHARE and a MQTT_CLIENT_ID for each)"),
        ("watch", False, True, "episodes, alerts and sealing only; a second one stands by"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(command=_run, ingest=ingest, watch=watch)
    commands.add_parser("train", help="train a model on a board's own history")
    export = commands.add_parser("export", help="stored readings as CSV or Parquet")
    export.add_argument("--device", help="C001 or site/C001 (default: all)")
    export.add_argument(
        "--start", type=_time, help="from this time on: 2026-11-22, 2026-11-22T14:00 (UTC) or Unix s"
    )
    export.add_argument("--end", type=_time, help="up to this time")
    export.add_argument("--format", choices=("csv", "parquet"), default="csv")
    export.add_argument("--output", type=Path, help="file to write (CSV: standard output by default)")
    export.set_defaults(command=_export)
    audit = commands.add_parser("audit", help="what became of every reading; exit code 1 when one is missing")
    audit.add_argument("device", nargs="?", help="C001 or site/C001 (default: all)")
    audit.set_defaults(command=_audit)
    alert = commands.add_parser("alert", help="try the way of mails")
    what = alert.add_subparsers(required=True, metavar="WHAT")
    test = what.add_parser("test", help="send one mail that says it is a test, and tell what became of it")
    test.set_defaults(command=_alert_test)
    key = what.add_parser("key", help="print LINK_KEY, for a dashboard that must not know VIGIE_KEY")
    key.set_defaults(command=_alert_key)
    explain = commands.add_parser(
        "explain", help="why the cloud judged a reading as it did (needs VIGIE_KEY)"
    )
    explain.add_argument("device", help="C001 or site/C001")
    explain.add_argument("seq", type=int, nargs="?", help="default: the newest that anybody calls abnormal")
    explain.set_defaults(command=_explain)
    check = commands.add_parser("check", help="check the settings, the database and nothing else")
    check.set_defaults(command=_check)
    return parser


def _run(options: argparse.Namespace) -> int:
    from cloud import service  # noqa: PLC0415  scikit-learn takes its time to load

    loaded = settings.load(os.environ, ENV_FILE)
    log.start(as_json=loaded.json_logs)
    return service.run(loaded, ingest=options.ingest, watch=options.watch)


def _export(options: argparse.Namespace) -> int:
    from cloud import export  # noqa: PLC0415

    reader = _reader()
    devices = [pair for pair in reader.devices() if options.device in (None, pair[1], "/".join(pair))]
    if not devices:
        print(f"no readings of {options.device or 'any device'} are stored", file=sys.stderr)
        return 1
    boards = (reader.readings(*pair, start=options.start, end=options.end) for pair in devices)
    if options.format == "parquet":
        if options.output is None:
            print("--format parquet needs --output FILE", file=sys.stderr)
            return 2
        count = export.write_parquet(boards, options.output)
    elif options.output is None:
        count = export.write_csv(boards, sys.stdout)
    else:
        with options.output.open("w", encoding="utf-8", newline="") as file:
            count = export.write_csv(boards, file)
    print(f"{count} readings of {len(devices)} devices", file=sys.stderr)
    return 0


def _audit(options: argparse.Namespace) -> int:
    from cloud import audit  # noqa: PLC0415

    accounts = audit.audit(_reader(), options.device)
    for account in accounts:
        print(audit.line(account))
    if not accounts:
        print(f"nothing of {options.device or 'any device'} is known", file=sys.stderr)
        return 1
    return 0 if all(account.complete for account in accounts) else 1


def _alert_test(options: argparse.Namespace) -> int:
    from cloud.alerts import trial  # noqa: PLC0415  matplotlib takes its time to load

    return trial.send(settings.load_mail(os.environ, ENV_FILE))


def _alert_key(options: argparse.Namespace) -> int:
    key = settings.load_link_key(os.environ, ENV_FILE)
    if key is None:
        print("VIGIE_KEY is not set: the key of links is made from it", file=sys.stderr)
        return 2
    print(f"LINK_KEY={key.hex()}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from cloud import explain  # noqa: PLC0415  scikit-learn takes its time to load
    from cloud.rescore import Models  # noqa: PLC0415

    loaded = settings.load(os.environ, ENV_FILE)
    handle = database.connect(loaded.database.uri, loaded.database.name)
    models, reader = Models(handle, loaded.key), Reader(handle)
    for site, device in reader.devices():
        if options.device not in (device, f"{site}/{device}"):
            continue
        readings = reader.readings(site, device)
        if options.seq is None:
            wanted = readings.edge_abnormal | readings.cloud_abnormal
        else:
            wanted = readings.seq == options.seq
        rows = wanted.nonzero()[0].tolist()
        if not rows:
            continue
        row = rows[-1]
        model = models.get(readings.model[row]) if readings.model[row] else None
        print("\n".join(explain.lines(explain.explain(readings, row, model))))
        return 0
    print(f"{options.device} has no such reading", file=sys.stderr)
    return 1


def _check(options: argparse.Namespace) -> int:
    loaded = settings.load(os.environ, ENV_FILE)
    database.connect(loaded.database.uri, loaded.database.name, timeout=5).client.admin.command("ping")
    print(
        f"the settings are complete; the database answers; broker {loaded.broker.host}:{loaded.broker.port}"
    )
    return 0


def _reader() -> Reader:
    loaded = settings.load_database(os.environ, ENV_FILE)
    return Reader(database.connect(loaded.uri, loaded.name))


def _time(text: str) -> float:
    """Unix seconds of a date, a date and time (UTC unless it says otherwise), or Unix seconds."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no time: 2026-11-22T14:00 or Unix seconds') from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
