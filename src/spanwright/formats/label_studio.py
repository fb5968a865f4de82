"""What Label Studio writes, read into documents with every region accounted for.

Shapes, told apart by content and not by the file's name:

- an **export**: a list of tasks, each with `data` and `annotations` (JSON export, with or without unlabelled tasks);
- a **storage object**: one annotation with its task inside (`task`, `result`), one file each, named `17`, `17.txt` or
  `17.json`, as target storage writes it; a single task object is read too.

Rules, each with its reason in the tally:

- of several annotations of a task the one updated last counts; those it replaces, and copies of one annotation, are
  dropped (superseded-annotation, duplicate-annotation); cancelled ones always (cancelled-annotation);
- a submitted annotation without regions is a true negative: a document with no spans. A task that nobody has labelled is
  not one: it is left out, or kept with `spans=None` where the caller wants texts only;
- offsets are code points. Where `value.text` (compared after the editor's rewriting of line ends and white space) does
  not match, UTF-16 units are tried (repaired: utf16-offsets); else the region is dropped (text-mismatch);
- a region with several labels becomes one span each (several-labels); white space at the edges is cut off
  (edge-whitespace); regions that are no labelled text (relations, choices, ratings) are counted as such, and so are
  those on another text of the task than the one that is read (other-text) or with offsets into markup.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spanwright.document import Document, Span
from spanwright.errors import AnnotationError, DataError, Problem
from spanwright.labels import trim
from spanwright.tally import Tally

GROUP_KEYS = ("gdd_id", "article_id", "article", "document_id", "doc_id", "paper_id", "pmid", "doi", "group")
"""Keys of a task's data that usually name the article a chunk came from, tried in this order."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it was found in a file, with the annotations that came with it."""

    path: Path
    id: str
    project: str
    data: Json
    annotations: tuple[Json, ...]


@dataclass
class ImportResult:
    """Documents and what became of every file, task and region.

    Attributes:
        documents: in order of task id.
        files, tasks, regions: the tallies; a region is one entry of an annotation's `result`.
        group_key: the key of the task data that named the groups, or "" when every task is its own group.
    """

    documents: list[Document] = field(default_factory=list)
    files: Tally = field(default_factory=lambda: Tally("import", "file"))
    tasks: Tally = field(default_factory=lambda: Tally("import", "task"))
    regions: Tally = field(default_factory=lambda: Tally("import", "region"))
    group_key: str = ""

    def tally(self) -> dict[str, Any]:
        """`import.tally.json`: the regions, with the files and the tasks beside them."""
        return {**self.regions.to_dict(), "files": self.files.to_dict(), "tasks": self.tasks.to_dict()}


def tasks_in(content: Any, path: Path) -> list[Task] | None:
    """The tasks of a parsed file, or None when it is not Label Studio's."""
    entries = content if isinstance(content, list) else [content]
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        return None
    names = [path.stem] if len(entries) == 1 else [f"{path.stem}#{number}" for number in range(1, len(entries) + 1)]
    tasks = [_task_from(entry, path, name) for entry, name in zip(entries, names, strict=True)]
    return [task for task in tasks if task is not None] if all(tasks) else None


def _task_from(entry: Json, path: Path, name: str) -> Task | None:
    """A task or storage object; `name` is its id where it has none."""
    task, data = entry.get("task"), entry.get("data")
    if isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(entry.get("result"), list):
        return Task(path, _id(task, name), str(task.get("project", "")), task["data"], (entry,))
    if isinstance(data, dict):
        annotations = entry.get("annotations")
        if annotations is None or isinstance(annotations, list):
            found = tuple(annotation for annotation in annotations or () if isinstance(annotation, dict))
            return Task(path, _id(entry, name), str(entry.get("project", "")), data, found)
    return None


def _id(task: Json, name: str) -> str:
    return str(task["id"]) if task.get("id") is not None else name


def build(
    tasks: Iterable[Task],
    *,
    group_key: str = "",
    text_key: str = "",
    keep_unlabelled: bool = False,
    skip_bad: bool = False,
) -> ImportResult:
    """Documents from tasks, by the rules in this module's docstring.

    Args:
        tasks: from any number of files; tasks of one id and project are one task.
        group_key: the key of the task data that names the group; found by itself when empty.
        text_key: the key of the task data that holds the text; found by itself when empty.
        keep_unlabelled: keep tasks without an annotation, as documents with `spans=None`.
        skip_bad: drop and tally tasks without a text and regions that cannot be right, instead of refusing the import.

    Raises:
        DataError: tasks lack the group key or a text, or have another text under the same id; all of them are named.
        AnnotationError: regions end beyond their text or have no offsets; all of them are named.
    """
    result = ImportResult()
    merged = [(task, _choose(task, result)) for task in _merge(tasks, result, text_key)]
    kept = []
    for task, annotation in merged:
        if annotation is None and not keep_unlabelled:
            result.tasks.drop("only-cancelled-annotations" if task.annotations else "unlabelled", _where(task))
        else:
            kept.append((task, annotation))
    result.group_key = group_key or _find_group_key([task.data for task, _ in kept])
    _require(group_key, [task for task, _ in kept])
    projects = {task.project for task, _ in merged}
    textless: list[Problem] = []
    impossible: list[Problem] = []
    for task, annotation in kept:
        key = _find_text_key(task.data, annotation, text_key)
        if key is None:
            _without_text(task, annotation, result, textless, text_key)
            continue
        name = f"{task.project}/{task.id}" if len(projects) > 1 else task.id
        reader = _Reader(task, annotation, key, result, impossible, skip_bad)
        result.documents.append(reader.document(name))
    if textless and not skip_bad:
        raise DataError(
            f"{len(textless)} task(s) have no text:",
            problems=textless,
            remedy="Choose another --text-key, or add --skip-bad to leave them out and count them.",
        )
    if impossible:
        raise AnnotationError(
            f"{len(impossible)} problem(s) in the annotations:",
            problems=impossible,
            remedy="Mend them in Label Studio, or add --skip-bad to leave them out and count them.",
        )
    return result


def _merge(tasks: Iterable[Task], result: ImportResult, text_key: str) -> list[Task]:
    """One task per project and id, with each annotation once, in order of id.

    Raises:
        DataError: tasks of one project and id have different texts.
    """
    by_id: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        by_id[task.project, task.id].append(task)
    problems = [
        Problem(f"The task has another text in {other.path}.", path=parts[0].path, task=parts[0].id)
        for parts in by_id.values()
        for other in parts[1:]
        if _text(parts[0], text_key) != _text(other, text_key)
    ]
    if problems:
        raise DataError(
            "Tasks of the same id have different texts:",
            problems=problems,
            remedy="Are they from two projects? Import them one by one.",
        )
    together = []
    for parts in by_id.values():
        annotations: dict[Any, Json] = {}
        for number, annotation in enumerate(annotation for part in parts for annotation in part.annotations):
            key = annotation["id"] if annotation.get("id") is not None else f"unnamed-{number}"
            older, newer = sorted((annotations.get(key, annotation), annotation), key=_age)
            if key in annotations:
                where = f"{_where(parts[0])}, annotation {key}"
                result.regions.drop("duplicate-annotation", where, len(older.get("result") or ()))
            annotations[key] = newer
        first = parts[0]
        together.append(Task(first.path, first.id, first.project, first.data, tuple(annotations.values())))
    return sorted(together, key=lambda task: (task.project, len(task.id), task.id))


def _text(task: Task, text_key: str) -> str | None:
    key = _find_text_key(task.data, None, text_key)
    return task.data[key] if key is not None else None


def _choose(task: Task, result: ImportResult) -> Json | None:
    """The annotation that counts; the regions of the others are dropped with their reason."""
    live = sorted((annotation for annotation in task.annotations if not annotation.get("was_cancelled")), key=_age)
    chosen = live[-1] if live else None
    for annotation in task.annotations:
        if annotation is not chosen:
            reason = "cancelled-annotation" if annotation.get("was_cancelled") else "superseded-annotation"
            where = f"{_where(task)}, annotation {annotation.get('id')}"
            result.regions.drop(reason, where, len(annotation.get("result") or ()))
    return chosen


def _age(annotation: Json) -> tuple[datetime, int]:
    """When an annotation was last touched; of equal times the higher id is the later one."""
    number = annotation.get("id")
    try:
        when = datetime.fromisoformat(str(annotation.get("updated_at") or annotation.get("created_at") or ""))
    except ValueError:
        when = datetime.min
    return when.replace(tzinfo=when.tzinfo or UTC), number if isinstance(number, int) else 0


def _find_group_key(data: Sequence[Json]) -> str:
    for key in GROUP_KEYS:
        if data and all(entry.get(key) not in (None, "") for entry in data):
            return key
    return ""


def _require(group_key: str, tasks: Sequence[Task]) -> None:
    if not group_key:
        return
    problems = [
        Problem(
            f'The task data has no "{group_key}".', path=task.path, task=task.id, allowed=tuple(map(str, task.data))
        )
        for task in tasks
        if task.data.get(group_key) in (None, "")
    ]
    if problems:
        raise DataError("Some tasks cannot be grouped:", problems=problems, remedy="Choose another --group-key.")


def _find_text_key(data: Json, annotation: Json | None, text_key: str) -> str | None:
    """The key asked for; else one that a region names, else `text`, else that of the longest string."""
    regions = (annotation or {}).get("result") or ()
    named = [str(region.get("to_name")) for region in regions if isinstance(region, dict)]
    by_length = sorted(data, key=lambda key: -len(str(data[key])))
    candidates = [text_key] if text_key else [*named, "text", *by_length]
    return next((key for key in candidates if isinstance(data.get(key), str) and data[key].strip()), None)


def _without_text(
    task: Task, annotation: Json | None, result: ImportResult, problems: list[Problem], text_key: str
) -> None:
    result.tasks.drop("no-text", _where(task))
    result.regions.drop("no-text", _where(task), len((annotation or {}).get("result") or ()))
    strings = tuple(key for key, value in task.data.items() if isinstance(value, str))
    what = f'The task data has no text under "{text_key}".' if text_key else "The task data has no text."
    problems.append(Problem(what, path=task.path, task=task.id, allowed=strings))


def _where(task: Task, region: Any = None) -> str:
    """A place for a tally's examples."""
    place = f"{task.path}: task {task.id}"
    if not isinstance(region, dict):
        return place
    value = region.get("value")
    said = str(value.get("text", ""))[:60] if isinstance(value, dict) else ""
    return f"{place}, region {region.get('id', '?')}, {said!r}"


class _Reader:
    """Turns one task and its chosen annotation into a document and accounts for the regions."""

    def __init__(
        self,
        task: Task,
        annotation: Json | None,
        text_key: str,
        result: ImportResult,
        problems: list[Problem],
        skip_bad: bool,
    ) -> None:
        self.task, self.annotation, self.text_key = task, annotation, text_key
        self.result, self.problems, self.skip_bad = result, problems, skip_bad

    def document(self, name: str) -> Document:
        text: str = self.task.data[self.text_key]
        spans = None if self.annotation is None else tuple(self._spans(self.annotation, text))
        self.result.tasks.use()
        key = self.result.group_key
        return Document(name, text, spans, str(self.task.data[key]) if key else name, self._meta())

    def _meta(self) -> dict[str, Any]:
        origin: dict[str, Any] = {"project": self.task.project, "task": self.task.id, "data_key": self.text_key}
        if self.annotation is not None:
            by = self.annotation.get("completed_by")
            origin["annotation"] = self.annotation.get("id")
            origin["annotator"] = (by.get("email") or by.get("id")) if isinstance(by, dict) else by
            regions = self.annotation.get("result") or ()
            named = next((r for r in regions if isinstance(r, dict) and r.get("from_name")), {})
            origin |= {key: named[key] for key in ("from_name", "to_name") if key in named}
        rest = {key: value for key, value in self.task.data.items() if key != self.text_key}
        return {**rest, "label_studio": origin}

    def _spans(self, annotation: Json, text: str) -> Iterator[Span]:
        for region in annotation.get("result") or ():
            reason = self._no_span(region)
            if reason:
                self.result.regions.drop(reason, _where(self.task, region))
            else:
                yield from self._region(region, region["value"], text)

    def _no_span(self, region: Any) -> str:
        """Why a region is no labelled stretch of this text, or ""."""
        value = region.get("value") if isinstance(region, dict) else None
        labels = value.get("labels") if isinstance(value, dict) else None
        if not isinstance(labels, list):
            return f"not-a-span: {region.get('type', 'unknown') if isinstance(region, dict) else 'unknown'}"
        if not labels:
            return "no-label"
        target = region.get("to_name")
        if target != self.text_key and isinstance(self.task.data.get(target), str):
            return "other-text"
        return "offsets-in-markup" if isinstance(region["value"].get("start"), str) else ""

    def _region(self, region: Json, value: Json, text: str) -> Iterator[Span]:
        labels = [str(label) for label in value["labels"]]
        placed = _place(value, text)
        if isinstance(placed, _Refused):
            if placed.reason != "text-mismatch" and not self.skip_bad:
                region_id = str(region.get("id", "?"))
                self.problems.append(Problem(placed.what, path=self.task.path, task=self.task.id, region=region_id))
            self.result.regions.drop(placed.reason, _where(self.task, region))
            return
        start, end = trim(text, placed.start, placed.end)
        if start == end:
            self.result.regions.drop("whitespace-only", _where(self.task, region))
            return
        repairs = list(placed.repairs)
        if (start, end) != (placed.start, placed.end):
            repairs.append("edge-whitespace")
        if len(labels) > 1:
            repairs.append("several-labels")
        self.result.regions.use(repairs, _where(self.task, region))
        for label in dict.fromkeys(labels):
            yield Span(start, end, label)


@dataclass(frozen=True, slots=True)
class _Placed:
    start: int
    end: int
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str
    what: str


def _place(value: Json, text: str) -> _Placed | _Refused:
    """Where a region lies in the text, in code points."""
    start, end = value.get("start"), value.get("end")
    if type(start) is not int or type(end) is not int:
        return _Refused("no-offsets", f"The region has no whole-number offsets (start {start!r}, end {end!r}).")
    said = value.get("text")
    inside = 0 <= start < end <= len(text)
    if inside and (not isinstance(said, str) or _rendered(text[start:end]) == _rendered(said)):
        return _Placed(start, end)
    if isinstance(said, str):
        utf16 = _from_utf16(start, end, text)
        if utf16 is not None and _rendered(text[slice(*utf16)]) == _rendered(said):
            return _Placed(*utf16, repairs=("utf16-offsets",))
    if inside:
        return _Refused("text-mismatch", f"The text says {text[start:end]!r}, the region {said!r}.")
    return _Refused(
        "offsets-beyond-text", f"The region goes from {start} to {end}, but the text has {len(text)} characters."
    )


def _rendered(text: str) -> str:
    """Text as the editor shows it: line ends as a literal backslash-n, runs of white space as one space."""
    return re.sub(r"(?:\s|\\n)+", " ", text).strip()


def _from_utf16(start: int, end: int, text: str) -> tuple[int, int] | None:
    """Code-point offsets of UTF-16 offsets, or None when they point outside or into the middle of a character."""
    units = text.encode("utf-16-le", "surrogatepass")
    if not 0 <= start < end <= len(units) // 2 or len(units) == 2 * len(text):
        return None
    try:
        before = units[: 2 * start].decode("utf-16-le")
        inside = units[2 * start : 2 * end].decode("utf-16-le")
    except UnicodeDecodeError:
        return None
    return len(before), len(before) + len(inside)
