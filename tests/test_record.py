"""The content of `run.json`: versions, git revision, machine and memory."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spanwright
from spanwright import record

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """A folder that no checkout encloses, and a git that reads no personal settings."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@pytest.fixture
def checkout(outside) -> Path:
    """A checkout with one committed file, `a.txt`."""
    (outside / "a.txt").write_text("1", encoding="utf-8")
    git(outside, "init", "--quiet")
    git(outside, "add", "a.txt")
    git(outside, "commit", "--quiet", "-m", "First")
    return outside


@needs_git
def test_a_clean_checkout_is_its_commit(checkout):
    revision = record.git_revision(checkout)
    assert revision == git(checkout, "rev-parse", "HEAD")
    assert re.fullmatch(r"[0-9a-f]{40,64}", revision)


@needs_git
@pytest.mark.parametrize("staged", [False, True])
def test_a_changed_file_adds_a_plus(checkout, staged):
    (checkout / "a.txt").write_text("2", encoding="utf-8")
    if staged:
        git(checkout, "add", "a.txt")
    assert record.git_revision(checkout) == f"{git(checkout, 'rev-parse', 'HEAD')}+"


@needs_git
def test_a_file_that_git_does_not_know_changes_nothing(checkout):
    (checkout / "run.json").write_text("{}", encoding="utf-8")
    assert record.git_revision(checkout) == git(checkout, "rev-parse", "HEAD")


@needs_git
def test_the_checkout_around_a_folder_counts(checkout):
    (checkout / "deep").mkdir()
    assert record.git_revision(checkout / "deep") == git(checkout, "rev-parse", "HEAD")


@needs_git
def test_a_checkout_without_a_commit_has_no_revision(outside):
    git(outside, "init", "--quiet")
    assert record.git_revision(outside) is None


def test_outside_a_checkout_there_is_no_revision(outside):
    assert record.git_revision(outside) is None


def test_a_missing_folder_has_no_revision(outside):
    assert record.git_revision(outside / "missing") is None


def test_without_git_there_is_no_revision(outside, monkeypatch):
    monkeypatch.setenv("PATH", str(outside))
    assert record.git_revision(outside) is None


def test_versions_are_those_that_are_installed():
    found = record.versions()
    assert found["python"] == platform.python_version()
    assert found["spanwright"] == spanwright.__version__
    assert found["numpy"] == np.__version__


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(record, "PACKAGES", ("numpy", "spanwright-of-another-world"))
    assert set(record.versions()) == {"python", "numpy"}


def test_the_time_is_in_utc_to_the_second():
    before = datetime.now(UTC).replace(microsecond=0)
    told = datetime.fromisoformat(record.now())
    assert before <= told <= datetime.now(UTC)
    assert record.now().endswith("+00:00")
    assert told.microsecond == 0


def test_the_peak_of_memory_is_positive_and_in_megabytes():
    pytest.importorskip("resource")
    peak = record.peak_memory_mb()
    assert 5 < peak < 1_000_000


@pytest.mark.parametrize(("system", "megabytes"), [("linux", 2048.0), ("darwin", 2.0)])
def test_each_system_tells_memory_in_its_own_unit(monkeypatch, system, megabytes):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=2_000_000))
    monkeypatch.setattr(sys, "platform", system)
    assert record.peak_memory_mb() == megabytes


def test_a_system_that_does_not_tell_has_no_peak(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert record.peak_memory_mb() is None


def test_the_machine_has_a_name_a_system_and_cores():
    machine = record.machine()
    assert set(machine) == {"host", "system", "cpu_cores"}
    assert machine["cpu_cores"] >= 1


def test_the_record_has_all_keys_and_is_json(outside, monkeypatch):
    monkeypatch.chdir(outside)
    told = record.run_record({"train": {"epochs": 3}}, "cpu", {"train": {"seconds": 1.5}})
    assert set(told) == {
        "schema",
        "written",
        "settings",
        "versions",
        "git_revision",
        "machine",
        "device",
        "peak_memory_mb",
        "steps",
    }
    assert (told["schema"], told["device"], told["git_revision"]) == (1, "cpu", None)
    assert told["settings"] == {"train": {"epochs": 3}}
    assert told["steps"] == {"train": {"seconds": 1.5}}
    assert json.loads(json.dumps(told)) == told


@needs_git
def test_the_record_has_the_revision_of_the_current_folder(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    assert record.run_record({}, "", {})["git_revision"] == git(checkout, "rev-parse", "HEAD")
