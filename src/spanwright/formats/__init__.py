"""Reading annotations and texts: files are found, told apart by their content, and turned into documents.

One module a format; no other part of the package knows a foreign format. What can be read:

- Label Studio: a JSON export, storage objects (one file an annotation, any extension), single tasks (`label_studio`);
- `documents.jsonl` (`documents`);
- plain text, where no labels are needed: one file, one document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from spanwright.document import Document
from spanwright.errors import DataError, FormatError, PathError, Problem
from spanwright.files import PathLike, require_exists
from spanwright.formats import documents as jsonl
from spanwright.formats import label_studio
from spanwright.formats.documents import read_documents, write_documents
from spanwright.formats.label_studio import ImportResult

__all__ = ["ImportResult", "find_files", "read_annotations", "read_documents", "read_texts", "write_documents"]

Progress = Callable[[int], None]


@dataclass
class _Found:
    """What a set of files holds, before documents are made of it."""

    tasks: list[label_studio.Task] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    bad: dict[Path, list[Problem]] = field(default_factory=dict)


def read_annotations(
    sources: Sequence[PathLike],
    *,
    group_key: str = "",
    text_key: str = "",
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Labelled documents from files and folders of any supported kind, mixed as they come.

    Args:
        sources: files, and folders that are searched through; hidden files are passed over.
        group_key, text_key: keys of the task data; found by themselves when empty (see `label_studio.build`).
        skip_bad: leave out and tally what cannot be read instead of refusing everything.
        progress: called with the number of files read so far.

    Raises:
        PathError: a source does not exist, or a folder has no files.
        FormatError: files are empty, truncated or of another kind; all of them are named.
        AnnotationError: as `label_studio.build`.
        DataError: as `label_studio.build`, or nothing is labelled.
    """
    found = _read_all(sources, texts_allowed=False, progress=progress)
    if found.bad and not skip_bad:
        raise FormatError(
            f"{len(found.bad)} of {len(found.files) + len(found.bad)} file(s) cannot be read:",
            problems=[problem for problems in found.bad.values() for problem in problems],
            remedy="Export them again, or add --skip-bad to leave them out and count them.",
        )
    result = label_studio.build(found.tasks, group_key=group_key, text_key=text_key, skip_bad=skip_bad)
    for document in found.documents:
        if document.spans is None:
            result.tasks.drop("unlabelled", document.id)
            continue
        result.tasks.use()
        result.regions.use(count=len(document.spans))
        result.documents.append(document)
    if not result.documents:
        raise DataError(
            f"No labelled task or document was found ({result.tasks}).",
            remedy="Submit annotations in Label Studio and export again.",
        )
    _refuse_repeated_ids(result.documents)
    result.files.use(count=len(found.files))
    for problems in found.bad.values():
        result.files.drop("unreadable", str(problems[0]))
    return result


def read_texts(sources: Sequence[PathLike], *, text_key: str = "") -> list[Document]:
    """Documents to predict on; labels are not needed, and those that are there are kept.

    Raises:
        PathError, FormatError, AnnotationError, DataError: as `read_annotations`.
    """
    found = _read_all(sources, texts_allowed=True)
    if found.bad:
        problems = [problem for problems in found.bad.values() for problem in problems]
        raise FormatError(f"{len(found.bad)} file(s) cannot be read:", problems=problems)
    if found.tasks:
        built = label_studio.build(found.tasks, text_key=text_key, keep_unlabelled=True)
        found.documents += built.documents
    documents = _told_apart(found.documents)
    _refuse_repeated_ids(documents)
    return documents


def _told_apart(documents: Sequence[Document]) -> list[Document]:
    """Text files are called by their name, and by their path where two have the same name."""
    times = Counter(document.id for document in documents)
    return [
        replace(document, id=document.meta["path"], group=document.meta["path"])
        if times[document.id] > 1 and document.meta.keys() == {"path"}
        else document
        for document in documents
    ]


def _refuse_repeated_ids(documents: Sequence[Document]) -> None:
    repeated = [name for name, times in Counter(document.id for document in documents).items() if times > 1]
    if repeated:
        raise FormatError(
            f"{len(repeated)} document id(s) occur twice, such as {', '.join(repeated[:5])}.",
            remedy="Import the sources one by one, or give the documents different ids.",
        )


def find_files(sources: Sequence[PathLike]) -> list[Path]:
    """The files named, and those inside the folders named, each once; hidden ones are passed over.

    Raises:
        PathError: a source does not exist, or a folder has no files.
    """
    return list(dict.fromkeys(path for source in sources for path in _files_below(Path(source))))


def _files_below(source: Path) -> list[Path]:
    require_exists(source, "The source")
    if source.is_file():
        return [source]
    inside = (path for path in sorted(source.rglob("*")) if path.is_file())
    files = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(source).parts)]
    if not files:
        raise PathError("The folder has no files.", path=source, remedy="Check the path.")
    return files


def _read_all(sources: Sequence[PathLike], *, texts_allowed: bool, progress: Progress | None = None) -> _Found:
    files = find_files(sources)
    found = _Found()
    for number, path in enumerate(files, start=1):
        try:
            _read_file(path, found, texts_allowed)
            found.files.append(path)
        except (FormatError, OSError) as error:
            found.bad[path] = (
                list(error.problems) if isinstance(error, FormatError) else [Problem(str(error), path=path)]
            )
        if progress is not None:
            progress(number)
    return found


def _read_file(path: Path, found: _Found, texts_allowed: bool) -> None:
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        raise FormatError("The file is empty.", path=path)
    if raw.lstrip()[:1] not in b"[{":
        if not texts_allowed:
            raise FormatError(
                "This is neither a Label Studio JSON file nor a documents.jsonl.",
                path=path,
                remedy="In Label Studio choose Export, JSON.",
            )
        found.documents.append(_plain_text(raw, path))
        return
    try:
        content: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if texts_allowed and path.suffix not in (".json", ".jsonl"):
            found.documents.append(_plain_text(raw, path))
        else:
            _read_lines(path, raw, error, found)
        return
    tasks = label_studio.tasks_in(content, path)
    if tasks is not None:
        found.tasks += tasks
    elif jsonl.looks_like_documents(content):
        found.documents += read_documents(path)
    else:
        raise FormatError(
            "This JSON is neither a Label Studio export nor a storage object: no task data was found in it.",
            path=path,
            remedy="In Label Studio choose Export, JSON, or name the folder of the target storage.",
        )


def _read_lines(path: Path, raw: bytes, error: Exception, found: _Found) -> None:
    """JSON lines of documents; anything else is broken JSON."""
    try:
        first = orjson.loads(raw.lstrip().split(b"\n", 1)[0])
    except orjson.JSONDecodeError:
        raise FormatError(
            f"The JSON breaks off or is not valid ({error}).", path=path, remedy="Export or download the file again."
        ) from error
    if not jsonl.looks_like_documents(first):
        raise FormatError("These JSON lines are no documents (id, text, spans).", path=path) from error
    found.documents += read_documents(path)


def _plain_text(raw: bytes, path: Path) -> Document:
    try:
        return Document(path.stem, raw.decode("utf-8"), meta={"path": path.as_posix()})
    except UnicodeDecodeError as error:
        raise FormatError(
            f"This is not UTF-8 text (byte {error.start}).", path=path, remedy="Save it as UTF-8 text."
        ) from error
