"""`run.json`: what was run, with what, where, and how long it took."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = ("spanwright", "torch", "transformers", "tokenizers", "accelerate", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_revision(folder: Path) -> str | None:
    """The commit of the checkout around a folder, with `+` when files differ from it; None outside one."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}+" if changed else head


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def peak_memory_mb() -> float | None:
    """The most memory this process has held, in megabytes (10⁶ bytes); None where the system does not tell."""
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)


def machine() -> dict[str, Any]:
    """Host, system and number of processor cores."""
    return {"host": platform.node(), "system": platform.platform(), "cpu_cores": os.cpu_count()}


def run_record(settings: Mapping[str, Any], device: str, steps: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `run.json`.

    Args:
        settings: resolved, with every default.
        device: that the model ran on, or "" when none did.
        steps: per step its fingerprint, when it finished and how many seconds it took.
    """
    return {
        "schema": 1,
        "written": now(),
        "settings": dict(settings),
        "versions": versions(),
        "git_revision": git_revision(Path.cwd()),
        "machine": machine(),
        "device": device,
        "peak_memory_mb": peak_memory_mb(),
        "steps": dict(steps),
    }
