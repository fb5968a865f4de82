"""Fixtures that several test files share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} does not name a folder of real files; see CONTRIBUTING.md")
    return Path(value)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """A folder of folders of real annotated corpora (`copious/train.jsonl` …)."""
    return _folder("SPANWRIGHT_CORPORA")


@pytest.fixture(scope="session")
def label_studio_files() -> Path:
    """A folder with real Label Studio exports (`exports/`, `storage_exports/`)."""
    return _folder("SPANWRIGHT_LABEL_STUDIO_FILES")


@dataclass(frozen=True)
class Done:
    """A finished command: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Spanwright = Callable[..., Done]


@pytest.fixture(scope="session")
def spanwright() -> Spanwright:
    """Runs the command line in a process of its own, as a user does, offline."""

    def call(*arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "spanwright", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **(env or {})},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, spanwright: Spanwright) -> Path:
    """The folder of a demo that was cut short after 80 steps: everything is there, the model is not its best."""
    folder = tmp_path_factory.mktemp("small") / "demo"
    done = spanwright("demo", "-o", folder, "--set", "train.max_steps=80")
    assert done.code == 0, done.err
    return folder
