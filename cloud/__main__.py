"""The commands of the cloud: `python -m cloud run` and its kin."""

import argparse
import getpass
import importlib
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud import settings
from cloud.doctor import PARTS
from cloud.process import failure, log
from cloud.process.printable import printable
from cloud.read.reader import Reader, UnknownBoard
from cloud.store import database
from cloud.store.packing import SIZE
from cloud.updates import command as updates
from device import VERSION

ENV_FILE = Path(".env")
SECRETS_FILE = Path(".streamlit") / "secrets.toml"
MODELS = Path("var") / "models"
# Commands that read their options themselves, loaded when asked for: they take their time.
OWN_OPTIONS = {
    "train": "cloud.training.train_command",
    "learn": "cloud.learning.learn_command",
    "recording": "cloud.recording.recording_command",
}


def main(argv: list[str], prog: str = "python -m cloud") -> int:
    """Returns the exit code: 0 = well, 1 = something is wrong, 2 = the command or the settings are."""
    try:
        return _dispatch(argv, prog)
    except settings.SettingsError as problem:
        print(problem, file=sys.stderr)
        return 2
    except PyMongoError as problem:
        print(f"the database: {failure.of_database(problem)}", file=sys.stderr)
        return 1
    except UnknownBoard as problem:
        print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains on its way out
        return 1
    except KeyboardInterrupt:
        return 130


def _dispatch(argv: list[str], prog: str) -> int:
    if argv and argv[0] in OWN_OPTIONS:
        return int(importlib.import_module(OWN_OPTIONS[argv[0]]).main(argv[1:]))
    options = _parser(prog).parse_args(argv)
    return int(options.command(options))


def _parser(prog: str = "python -m cloud") -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Vigie's cloud companion.")
    parser.add_argument("--version", action="version", version=f"vigie {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, ingest, needs, text in (
        ("run", True, settings.backend, "run the whole backend: ingest, watch, alerts, sealing"),
        (
            *("ingest", True, settings.worker),
            "run one more ingest worker (set MQTT_SHARE and a MQTT_CLIENT_ID for each)",
        ),
        ("watch", False, settings.backend, "run episodes, alerts and sealing only; a second one stands by"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(command=_run, ingest=ingest, needs=needs)
    commands.add_parser("train", help="train a model on a board's own history")
    commands.add_parser("learn", help="make and try a board's next model: from people's answers, or anew")
    commands.add_parser("recording", help="say how a file of readings is read, or write it as boards play it")
    export = commands.add_parser("export", help="write stored readings as CSV or Parquet")
    export.add_argument("device", nargs="?", help="C001 or site/C001 (default: all)")
    export.add_argument(
        "--start", type=_time, help="from this time on: 2026-11-22, 2026-11-22T14:00 (UTC) or Unix s"
    )
    export.add_argument("--end", type=_time, help="up to this time")
    export.add_argument("--format", choices=("csv", "parquet"), help="by default as the file's name ends")
    export.add_argument("--output", type=Path, help="file to write (CSV: standard output by default)")
    export.set_defaults(command=_export)
    audit = commands.add_parser(
        "audit", help="say what became of every reading; exit code 1 if one is missing"
    )
    audit.add_argument("device", nargs="?", help="C001 or site/C001 (default: all)")
    audit.set_defaults(command=_audit)
    alert = commands.add_parser("alert", help="send a test mail, or print LINK_KEY")
    what = alert.add_subparsers(required=True, metavar="WHAT")
    test = what.add_parser("test", help="send one mail that says it is a test, and say whether it went out")
    test.set_defaults(command=_alert_test)
    key = what.add_parser("key", help="print LINK_KEY, for a dashboard that must not know VIGIE_KEY")
    key.set_defaults(command=_alert_key)
    explain = commands.add_parser(
        "explain", help="say why the cloud judged a reading as it did (needs VIGIE_KEY)"
    )
    explain.add_argument("device", help="C001 or site/C001")
    explain.add_argument("seq", type=int, nargs="?", help="default: the newest that anybody calls abnormal")
    explain.set_defaults(command=_explain)
    doctor = commands.add_parser(
        "doctor", help="test settings, broker, database, mail and clock, and say how to cure what is wrong"
    )
    doctor.add_argument("part", nargs="*", help=f"only these: {', '.join(PARTS)} (default: all)")
    doctor.add_argument("--send", action="store_true", help="also send one mail that says it is a test")
    doctor.add_argument("--board", metavar="SITE/DEVICE", help="also test what BOARD_USER may do")
    doctor.add_argument(
        "--dashboard", action="store_true", help=f"only what the dashboard's user may do ({SECRETS_FILE})"
    )
    doctor.set_defaults(command=_doctor)
    save = commands.add_parser("backup", help="write all that is stored into one file")
    save.add_argument("file", type=Path, help="a new file, such as vigie-2026-11-25.backup")
    save.set_defaults(command=_backup)
    bring_back = commands.add_parser("restore", help="add what a backup has and the database lacks")
    bring_back.add_argument("file", type=Path)
    bring_back.add_argument("--check", action="store_true", help="only check whether the file is whole")
    bring_back.add_argument(
        "--unsigned", action="store_true", help="trust a file of a version that did not sign backups yet"
    )
    bring_back.set_defaults(command=_restore)
    forget = commands.add_parser("forget", help="delete what is stored about a board, or about a person")
    forget.add_argument("device", nargs="?", help="C001 or site/C001")
    forget.add_argument("--person", metavar="ADDRESS", help="a mail address, instead of a board")
    forget.add_argument("--dry-run", action="store_true", help="only count what would be deleted")
    forget.set_defaults(command=_forget)
    renew = commands.add_parser(
        "rekey", help="sign stored models anew: under VIGIE_KEY instead of OLD_VIGIE_KEY"
    )
    renew.add_argument(
        "--out", type=Path, default=MODELS, help=f"folder for boards' models (default {MODELS})"
    )
    renew.set_defaults(command=_rekey)
    updates.add_options(commands, _update)
    password = commands.add_parser(
        "password", help="print DASHBOARD_PASSWORD_HASH for a password that it asks for"
    )
    password.set_defaults(command=_password)
    return parser


def _run(options: argparse.Namespace) -> int:
    loaded = settings.read(options.needs, os.environ, ENV_FILE)
    from cloud import service  # noqa: PLC0415  few commands need it

    log.start(as_json=loaded.json_logs)
    return service.run(loaded, ingest=options.ingest)


def _export(options: argparse.Namespace) -> int:
    from cloud.read import export  # noqa: PLC0415

    reader = _reader()
    devices = reader.named(options.device)
    boards = (reader.readings(*pair, start=options.start, end=options.end) for pair in devices)
    columns = options.format or (
        "parquet" if options.output and options.output.suffix == ".parquet" else "csv"
    )
    if columns == "parquet" and options.output is None:
        print("--format parquet needs --output FILE", file=sys.stderr)
        return 2
    try:
        if options.output is None:
            count = export.write_csv(boards, sys.stdout)
        else:
            count = export.write(boards, options.output, columns)
    except BrokenPipeError:
        raise
    except OSError as problem:
        print(f"{options.output} cannot be written: {os.strerror(problem.errno or 0)}", file=sys.stderr)
        return 1
    print(f"{count} readings of {len(devices)} devices", file=sys.stderr)
    return 0


def _audit(options: argparse.Namespace) -> int:
    from cloud.commands import audit  # noqa: PLC0415

    accounts = audit.audit(_reader(), options.device)
    for account in accounts:
        print(printable(audit.line(account), keep="\n"))
    if not accounts:
        print("no readings are stored yet", file=sys.stderr)
        return 1
    return 0 if all(account.complete for account in accounts) else 1


def _alert_test(options: argparse.Namespace) -> int:
    from cloud.alerts import sample_mail  # noqa: PLC0415  few commands need it

    return sample_mail.send(settings.read(settings.mail, os.environ, ENV_FILE))


def _alert_key(options: argparse.Namespace) -> int:
    key = settings.read(settings.link_key, os.environ, ENV_FILE)
    if key is None:
        print("VIGIE_KEY is not set: the key of links is made from it", file=sys.stderr)
        return 2
    print(f"LINK_KEY={key.hex()}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from cloud.commands import explain  # noqa: PLC0415  few commands need it
    from cloud.ingest.rescore import Models  # noqa: PLC0415

    reader = _reader()
    key = settings.read(settings.master_key, os.environ, ENV_FILE)
    site, device = reader.board(options.device)
    readings = reader.readings(site, device)
    row = explain.find(readings, options.seq)
    if row is None:
        print(f"{site}/{device}: {explain.nothing(readings, options.seq)}", file=sys.stderr)
        return 1
    model_id = readings.model[row]
    model = Models(reader.database, key).get(model_id) if model_id else None
    print(printable("\n".join(explain.lines(explain.explain(readings, row, model))), keep="\n"))
    return 0


def _password(options: argparse.Namespace) -> int:
    from cloud import password  # noqa: PLC0415

    if sys.stdin.isatty():
        typed = getpass.getpass("password of the dashboard: ")
        if getpass.getpass("once more: ") != typed:
            print("the two passwords differ", file=sys.stderr)
            return 2
    else:
        typed = sys.stdin.readline().rstrip("\n")
    try:
        print(f"DASHBOARD_PASSWORD_HASH={password.hashed(typed)}")
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from cloud import doctor  # noqa: PLC0415

    if unknown := [part for part in options.part if part not in PARTS]:
        print(f"{unknown[0]} is no part: there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    if options.board and not all(options.board.partition("/")):
        print(f"--board takes SITE/DEVICE, such as home/C001, not {options.board}", file=sys.stderr)
        return 2
    parts = options.part or (["broker"] if options.board else [])
    return doctor.run(
        os.environ,
        ENV_FILE,
        parts,
        dashboard=options.dashboard,
        secrets=SECRETS_FILE if options.dashboard else None,
        board=options.board,
        send=options.send,
    )


def _backup(options: argparse.Namespace) -> int:
    from cloud.commands import backup  # noqa: PLC0415

    try:
        master = settings.read(settings.master_key, os.environ, ENV_FILE)
        made = backup.backup(_database(), options.file, master, _progress("saved"))
    except FileExistsError:
        print(f"{options.file} is there already: choose another name", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"{options.file} cannot be written: {problem.strerror}", file=sys.stderr)
        return 1
    documents = f"{sum(made.counts.values())} documents of {len(made.counts)} collections"
    readings = f"the readings stand in {made.counts.get('buckets', 0)} buckets of up to {SIZE}"
    print(f"{documents} ({readings}), {options.file.stat().st_size / 1e6:.1f} MB in {options.file}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from cloud.commands import backup  # noqa: PLC0415

    try:
        masters = settings.read(settings.backup_keys, os.environ, ENV_FILE)
        whole = backup.read(options.file, masters, unsigned=options.unsigned)
        content = f"{sum(whole.counts.values())} documents of the database {whole.database}"
        created = datetime.fromtimestamp(whole.created, UTC)
        print(f"{options.file}: {content}, {created:%Y-%m-%d %H:%M} UTC, whole and unchanged")
        if options.check:
            return 0
        handle = _database()
        database.prepare(handle)
        done = backup.restore(handle, options.file, masters, _progress("restored"), unsigned=options.unsigned)
    except backup.BackupRefused as refused:
        print(f"{refused}; nothing was written", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"{options.file} cannot be read: {problem.strerror}", file=sys.stderr)
        return 1
    for name, count in done.added.items():
        if count:
            print(f"  {count:>9} {name}")
    joined = f", {done.joined} joined with what is there" if done.joined else ""
    print(f"{sum(done.added.values())} documents restored{joined}; {done.kept} were there already")
    return 0


def _forget(options: argparse.Namespace) -> int:
    from cloud.commands import forget  # noqa: PLC0415

    if (options.device is None) == (options.person is None):
        print("say which: forget DEVICE, or forget --person ADDRESS", file=sys.stderr)
        return 2
    handle = _database()
    if options.person:
        whom, steps = options.person, forget.person(handle, options.person)
    else:
        site, device = Reader(handle).board(options.device)
        whom, steps = f"{site}/{device}", forget.board(handle, site, device)
    for step in steps:
        print(f"  {step.count:>9} {step.what}")
    if not steps:
        print(f"nothing is stored about {whom}")
    elif options.dry_run:
        print("this was a dry run: nothing was deleted")
    else:
        print(f"All of this will be deleted for good. Type {whom} to delete it: ", end="", flush=True)
        if sys.stdin.readline().strip() != whom:
            print("nothing was deleted", file=sys.stderr)
            return 1
        for step in forget.carry_out(steps):
            print(f"  {step.what}: done")
    print(forget.ELSEWHERE if options.person else forget.STILL_SENDS)
    return 0


def _rekey(options: argparse.Namespace) -> int:
    from cloud.commands import rekey  # noqa: PLC0415

    old, new = settings.read(settings.old_and_new_key, os.environ, ENV_FILE)
    handle = _database()
    if resealed := rekey.reseal(handle["wanted"], old, new):
        print(f"settings of {resealed} boards are sealed under the new VIGIE_KEY")
    return rekey.run(handle["models"], old, new, options.out)


def _update(options: argparse.Namespace, act: Callable[..., int]) -> int:
    return act(options, _database(), settings.read(settings.master_key, os.environ, ENV_FILE))


def _database() -> Database[database.Document]:
    loaded = settings.read(settings.database, os.environ, ENV_FILE)
    return database.connect(loaded.uri, loaded.name, timeout=60)


def _progress(done: str) -> Callable[[str, int], None]:
    """A line that moves, where somebody looks."""

    def progress(name: str, count: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{count:>9} of {name} {done}\033[K", end="\r", file=sys.stderr, flush=True)

    return progress


def _reader() -> Reader:
    loaded = settings.read(settings.database, os.environ, ENV_FILE)
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
