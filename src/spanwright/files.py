"""Reading and writing files so that nothing already written is lost: hashes, temporary names, renames."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from spanwright.errors import PathError

PathLike = str | Path
"""What public functions take for a path."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's files with their relative names, as 64 hex digits."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A stream for the new content of `path`, which takes its place only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with temporary.open(mode, **text) as stream:  # type: ignore[call-overload]
            yield stream
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write readable JSON, all at once or not at all."""
    with replacing(path) as stream:
        json.dump(data, stream, ensure_ascii=False, indent=2, allow_nan=False)
        stream.write("\n")


def replace_folder(finished: Path, target: Path) -> None:
    """Put a finished folder in the place of `target`; the old one goes only when the new one is there."""
    if not finished.is_dir():
        raise FileNotFoundError(finished)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    try:
        finished.replace(target)
    except OSError:
        if old.exists():
            old.replace(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def require_exists(path: Path, what: str) -> Path:
    """The path itself.

    Raises:
        PathError: nothing is there; the message names what lies beside it.
    """
    if path.exists():
        return path
    parent = path.parent
    if not parent.is_dir():
        raise PathError(f"{what} does not exist, nor does the folder {parent}.", path=path, remedy="Check the path.")
    beside = sorted(entry.name for entry in parent.iterdir() if not entry.name.startswith("."))[:8]
    listing = f"The folder {parent.resolve()} has: {', '.join(beside)}." if beside else f"{parent.resolve()} is empty."
    raise PathError(f"{what} does not exist.", path=path, remedy=listing)


def require_empty(path: Path, overwrite: bool = False) -> Path:
    """The path itself, when it does not exist or is an empty folder.

    Raises:
        PathError: something is there and `overwrite` is false.
    """
    if path.is_file():
        raise PathError(
            "The output must be a folder, but a file has this name.", path=path, remedy="Choose another name."
        )
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise PathError(
            "The output folder is not empty, and nothing in it was changed.",
            path=path,
            remedy="Choose another folder, or add --overwrite to replace what is there.",
        )
    return path


def require_new(path: Path, overwrite: bool = False) -> Path:
    """The path itself, when no file has this name.

    Raises:
        PathError: a file is there and `overwrite` is false, or a folder is.
    """
    if path.is_dir():
        raise PathError(
            "The output must be a file, but a folder has this name.", path=path, remedy="Choose another name."
        )
    if path.exists() and not overwrite:
        raise PathError(
            "The output file exists, and was not changed.",
            path=path,
            remedy="Choose another name, or add --overwrite to replace it.",
        )
    return path
