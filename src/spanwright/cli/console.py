"""What people see in a terminal: progress, messages and tables.

All of it goes to standard error, so that standard output carries only what a program asked for with `--json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from spanwright.progress import Advance, Reporter
from spanwright.scoring.evaluation import FEW_GROUPS

CONSOLE = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
PLAIN_EVERY = 10
"""Without a terminal a bar would fill a log with control codes; then every tenth of the work is one line."""


def say_error(message: str) -> None:
    """An error as a person should see it."""
    CONSOLE.print("[bold red]Error:[/]", end=" ")
    CONSOLE.print(message, markup=False, soft_wrap=True)


class ConsoleReporter(Reporter):
    """Progress bars on a terminal, plain lines elsewhere."""

    def say(self, message: str) -> None:
        """One line, on screen and in the log."""
        super().say(message)
        CONSOLE.print(message, markup=False, soft_wrap=True)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        """A bar, or lines where there is no terminal."""
        with super().task(name, total) as log:
            if CONSOLE.is_terminal:
                yield from _bar(name, total)
            else:
                yield _Lines(name, total, log)


def _bar(name: str, total: int) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=CONSOLE) as progress:
        task = progress.add_task(name, total=total, note="")

        def advance(done: int, note: str = "") -> None:
            progress.update(task, completed=done, note=note)

        yield advance


class _Lines:
    """A line of text whenever another tenth is done."""

    def __init__(self, name: str, total: int, log: Advance) -> None:
        self.name, self.total, self.log, self.tenths = name, max(1, total), log, 0

    def __call__(self, done: int, note: str = "") -> None:
        self.log(done, note)
        tenths = PLAIN_EVERY * done // self.total
        if tenths > self.tenths:
            self.tenths = tenths
            CONSOLE.print(f"{self.name}: {done:,} of {self.total:,} {note}".rstrip(), markup=False, soft_wrap=True)


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def print_evaluation(evaluation: Mapping[str, Any]) -> None:
    """The table per label, and all labels together, for entities and for tokens."""
    table = Table(title=escape(f"{evaluation['name']} on {evaluation['part']}"), title_justify="left")
    table.add_column("label")
    for view in ("entity", "token"):
        for rate in ("P", "R", "F1"):
            table.add_column(f"{view} {rate}", justify="right")
        table.add_column("support", justify="right")
    for label, modes in evaluation["by_label"].items():
        table.add_row(escape(label), *_cells(modes["strict"]), *_cells(modes["token"]))
    table.add_section()
    overall = evaluation["overall"]
    table.add_row("all labels", *_cells(overall["strict"]), *_cells(overall["token"]))
    CONSOLE.print(table)
    for view, mode in (("Entity", "strict"), ("Token", "token")):
        score = overall[mode]
        ends = score["f1_ci95"]
        interval = f"95% interval {ends[0]:.3f} to {ends[1]:.3f}" if ends else "no interval: nothing to count"
        CONSOLE.print(f"{view} F1 {score['f1']:.3f} ({interval})", markup=False)
    if evaluation["groups"] < FEW_GROUPS:
        CONSOLE.print(f"From {evaluation['groups']} groups an interval is rough and tends to be too narrow.")


def _cells(score: Mapping[str, Any]) -> list[str]:
    return [*(f"{score[rate]:.3f}" for rate in ("precision", "recall", "f1")), f"{score['support']:,}"]


def print_paths(**paths: Path) -> None:
    """Where the results are, one line each."""
    for name, path in paths.items():
        CONSOLE.print(f"{name.capitalize():>7}: {path}", markup=False, soft_wrap=True)
