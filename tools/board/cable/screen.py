"""What the bench commands print: one line for each thing that happened, and progress meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cloud.doctor.lines import MARKS, NAME_WIDTH

console = Console(highlight=False, soft_wrap=True)


def tick(name: str, text: str, kind: str = "good") -> None:
    """`✓ chip      ESP32-D0WD, 4 MB`; `kind`: good, bad, warn or plain. More lines are indented."""
    colour, mark = MARKS[kind]
    first, *rest = text.split("\n")
    console.print(f"[{colour}]{mark}[/] {escape(name):<{NAME_WIDTH}} {escape(first)}")
    for line in rest:
        console.print(f"{'':<{NAME_WIDTH + 3}}{escape(line)}")


def say(text: str) -> None:
    console.print(escape(text))


class Advance(Protocol):
    def __call__(self, size: int) -> None: ...


@contextmanager
def progress(text: str, total: int | None) -> Iterator[Advance]:
    """Show a progress bar; `total` in bytes. It yields a function that takes the bytes done."""
    columns = (
        TextColumn("  {task.description:<10}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(text), total=total)
        yield lambda size: bar.advance(task, size)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """A spinner."""
    with console.status(escape(text)):
        yield
