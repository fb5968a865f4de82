"""Writes docs/reference.md from the code: `python docs/build_reference.py`. A test compares the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from spanwright.cli.app import app
from spanwright.config import Settings

TARGET = Path(__file__).with_name("reference.md")
WIDTH = 100


def reference() -> str:
    """The page: every command's help and every setting."""
    group = typer.main.get_command(app)
    parts = [
        "# Reference",
        "Written by `docs/build_reference.py` from the code; change the code, not this page.",
        "## Commands",
        "Exit codes: 0 done, 1 the work failed or was interrupted, 2 the request was wrong. `--json` prints to standard\n"
        "output; progress, tables and messages go to standard error.",
    ]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        parts += [f"### {name}", f"```\n{_help(command, name)}\n```"]
    parts += [
        "## Settings",
        "`spanwright init` writes this file. A value from the environment (`SPANWRIGHT__TRAIN__EPOCHS=3`, also in `.env`)\n"
        "wins over the file, and `--set train.epochs=3` over both.",
        f"```toml\n{Settings().to_toml()}```",
    ]
    return "\n\n".join(parts) + "\n"


def _help(command: Any, name: str) -> str:
    context = typer.Context(command, info_name=f"spanwright {name}", terminal_width=WIDTH, max_content_width=WIDTH)
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
