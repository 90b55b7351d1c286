"""How a bench command is called: Typer reads the arguments, `python -m tools` calls main(argv)."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

PortOption = Annotated[
    str | None,
    typer.Option(
        "--port",
        envvar="PORT",
        metavar="PORT",
        help="/dev/tty…, socket://host:port or rfc2217://host:port; found by itself when one board is there.",
    ),
]


def run(function: Callable[..., int], name: str | None = None) -> Callable[[Sequence[str]], int]:
    """Make `main(argv) -> exit code` of a function with Typer's annotations; `name`: the command's, where
    its file has another one."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # help looks as that of the commands without Typer
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(function)
    name = name or function.__module__.rpartition(".")[2].replace("_", "-")

    def main(argv: Sequence[str]) -> int:
        called = f"{_caller()} {name}"
        try:
            result: Any = app(list(argv), standalone_mode=False, prog_name=called)
        except typer.TyperException as error:  # a wrong use of the command
            print(f"{name}: {error} ({called} --help)", file=sys.stderr)
            return 2
        except typer.Abort:
            return 130
        return int(result or 0)

    main.__doc__ = function.__doc__
    return main


def _caller() -> str:
    """What the user types before the command's name."""
    if Path(sys.argv[0]).name != "vigie":
        return "python -m tools"
    return "vigie board" if sys.argv[1:2] == ["board"] else "vigie"
