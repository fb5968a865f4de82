"""Fixtures that several test files share."""

from __future__ import annotations

import os
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
