"""How a bench command is called: Typer reads the arguments, `python -m tools` calls main(argv)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import click
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


def run(function: Callable[..., int]) -> Callable[[Sequence[str]], int]:
    """Make `main(argv) -> exit code` of a function with Typer's annotations."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(function)

    def main(argv: Sequence[str]) -> int:
        name = function.__module__.rpartition(".")[2]
        try:
            result: Any = app(list(argv), standalone_mode=False, prog_name=f"python -m tools {name}")
        except click.UsageError as error:
            error.show()
            return 2
        except click.Abort:
            return 130
        return int(result or 0)

    main.__doc__ = function.__doc__
    return main
