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
  (edge-whitespace); regions that are no labelled text (relations, choices, ratings) are counted as such.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    tasks = [_task_from(entry, path) for entry in entries]
    return [task for task in tasks if task is not None] if all(tasks) else None


def _task_from(entry: Json, path: Path) -> Task | None:
    task, data = entry.get("task"), entry.get("data")
    if isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(entry.get("result"), list):
        return Task(path, _id(task, path), str(task.get("project", "")), task["data"], (entry,))
    if isinstance(data, dict):
        annotations = entry.get("annotations")
        if annotations is None or isinstance(annotations, list):
            found = tuple(annotation for annotation in annotations or () if isinstance(annotation, dict))
            return Task(path, _id(entry, path), str(entry.get("project", "")), data, found)
    return None


def _id(task: Json, path: Path) -> str:
    return str(task["id"]) if task.get("id") is not None else path.stem


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
        skip_bad: drop and tally regions that cannot be right instead of refusing the import.

    Raises:
        AnnotationError: regions end beyond their text or have no offsets; all of them are named.
        DataError: tasks lack the group key or a text, or there is no labelled task.
    """
    result = ImportResult()
    merged = _merge(tasks, result)
    result.group_key = group_key or _find_group_key([task.data for task in merged])
    projects = {task.project for task in merged}
    problems: list[Problem] = []
    for task in merged:
        if group_key and task.data.get(group_key) in (None, ""):
            known = tuple(str(key) for key in task.data)
            problems.append(
                Problem(
                    f'The task data has no "{group_key}".',
                    "Choose another --group-key.",
                    task.path,
                    task=task.id,
                    allowed=known,
                )
            )
            continue
        name = f"{task.project}/{task.id}" if len(projects) > 1 else task.id
        document = _Reader(task, name, text_key, result, problems, skip_bad).read(keep_unlabelled)
        if document is not None:
            result.documents.append(document)
    if problems:
        raise AnnotationError(
            f"{len(problems)} problem(s) in the annotations:",
            problems=problems,
            remedy="Mend them in Label Studio, or add --skip-bad to leave them out and count them.",
        )
    if not result.documents:
        raise DataError(
            f"No labelled task was found ({result.tasks}).",
            remedy="Submit annotations in Label Studio and export again.",
        )
    return result


def _merge(tasks: Iterable[Task], result: ImportResult) -> list[Task]:
    """One task per project and id, with each annotation once, in order of id."""
    merged: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        merged[task.project, task.id].append(task)
    together = []
    for parts in merged.values():
        annotations: dict[Any, Json] = {}
        for number, annotation in enumerate(annotation for part in parts for annotation in part.annotations):
            key = annotation.get("id", f"unnamed-{number}")
            older, newer = sorted((annotations.get(key, annotation), annotation), key=_age)
            if key in annotations:
                where = f"task {parts[0].id}, annotation {key}"
                result.regions.drop("duplicate-annotation", where, len(older.get("result") or ()))
            annotations[key] = newer
        first = parts[0]
        together.append(Task(first.path, first.id, first.project, first.data, tuple(annotations.values())))
    return sorted(together, key=lambda task: (task.project, len(task.id), task.id))


def _age(annotation: Json) -> tuple[str, int]:
    number = annotation.get("id")
    when = annotation.get("updated_at") or annotation.get("created_at") or ""
    return str(when), number if isinstance(number, int) else 0


def _find_group_key(data: Sequence[Json]) -> str:
    for key in GROUP_KEYS:
        if data and all(entry.get(key) not in (None, "") for entry in data):
            return key
    return ""


class _Reader:
    """Turns one task into a document and accounts for its regions."""

    def __init__(
        self, task: Task, name: str, text_key: str, result: ImportResult, problems: list[Problem], skip_bad: bool
    ) -> None:
        self.task, self.name, self.text_key = task, name, text_key
        self.result, self.problems, self.skip_bad = result, problems, skip_bad

    def read(self, keep_unlabelled: bool) -> Document | None:
        chosen = self._choose()
        if chosen is None and not keep_unlabelled:
            reason = "only-cancelled-annotations" if self.task.annotations else "unlabelled"
            self.result.tasks.drop(reason, self._where())
            return None
        key = self._find_text_key(chosen)
        if key is None:
            self._bad_task()
            return None
        text: str = self.task.data[key]
        spans = None if chosen is None else tuple(self._spans(chosen, text))
        self.result.tasks.use()
        return Document(self.name, text, spans, self._group(), self._meta(chosen, key))

    def _where(self, region: Json | None = None) -> str:
        place = f"{self.task.path}: task {self.task.id}"
        if region is None:
            return place
        value = region.get("value") or {}
        return f"{place}, region {region.get('id', '?')}, {str(value.get('text', ''))[:60]!r}"

    def _choose(self) -> Json | None:
        """The annotation that counts; the regions of the others are dropped with their reason."""
        live = sorted((a for a in self.task.annotations if not a.get("was_cancelled")), key=_age)
        chosen = live[-1] if live else None
        for annotation in self.task.annotations:
            if annotation is not chosen:
                reason = "cancelled-annotation" if annotation.get("was_cancelled") else "superseded-annotation"
                where = f"{self._where()}, annotation {annotation.get('id')}"
                self.result.regions.drop(reason, where, len(annotation.get("result") or ()))
        return chosen

    def _find_text_key(self, annotation: Json | None) -> str | None:
        data = self.task.data
        regions = (annotation or {}).get("result") or ()
        named = [str(r.get("to_name")) for r in regions if isinstance(r, dict) and r.get("to_name")]
        candidates = (
            [self.text_key] if self.text_key else [*named, "text", *sorted(data, key=lambda k: -len(str(data[k])))]
        )
        return next((key for key in candidates if isinstance(data.get(key), str) and data[key].strip()), None)

    def _bad_task(self) -> None:
        if self.skip_bad:
            self.result.tasks.drop("no-text", self._where())
            return
        strings = tuple(key for key, value in self.task.data.items() if isinstance(value, str))
        what = f'The task data has no text under "{self.text_key}".' if self.text_key else "The task data has no text."
        self.problems.append(Problem(what, "Choose --text-key.", self.task.path, task=self.task.id, allowed=strings))

    def _group(self) -> str:
        return str(self.task.data[self.result.group_key]) if self.result.group_key else self.name

    def _meta(self, annotation: Json | None, text_key: str) -> dict[str, Any]:
        origin: dict[str, Any] = {"project": self.task.project, "task": self.task.id, "data_key": text_key}
        if annotation is not None:
            by = annotation.get("completed_by")
            origin["annotation"] = annotation.get("id")
            origin["annotator"] = (by.get("email") or by.get("id")) if isinstance(by, dict) else by
            named = next((r for r in annotation.get("result") or () if isinstance(r, dict) and r.get("from_name")), {})
            origin |= {key: named[key] for key in ("from_name", "to_name") if key in named}
        rest = {key: value for key, value in self.task.data.items() if key != text_key}
        return {**rest, "label_studio": origin}

    def _spans(self, annotation: Json, text: str) -> Iterator[Span]:
        for region in annotation.get("result") or ():
            value = region.get("value") if isinstance(region, dict) else None
            labels = value.get("labels") if isinstance(value, dict) else None
            if not isinstance(value, dict) or labels is None:
                kind = region.get("type", "unknown") if isinstance(region, dict) else "unknown"
                self.result.regions.drop(f"not-a-span: {kind}", self._where(region if isinstance(region, dict) else {}))
            elif not labels:
                self.result.regions.drop("no-label", self._where(region))
            elif isinstance(value.get("start"), str):
                self.result.regions.drop("offsets-in-markup", self._where(region))
            else:
                yield from self._region(region, value, [str(label) for label in labels], text)

    def _region(self, region: Json, value: Json, labels: list[str], text: str) -> Iterator[Span]:
        placed = _place(value, text)
        if isinstance(placed, _Refused):
            if placed.reason != "text-mismatch" and not self.skip_bad:
                region_id = str(region.get("id", "?"))
                self.problems.append(Problem(placed.what, path=self.task.path, task=self.task.id, region=region_id))
            self.result.regions.drop(placed.reason, self._where(region))
            return
        start, end = trim(text, placed.start, placed.end)
        if start == end:
            self.result.regions.drop("whitespace-only", self._where(region))
            return
        repairs = list(placed.repairs)
        if (start, end) != (placed.start, placed.end):
            repairs.append("edge-whitespace")
        if len(labels) > 1:
            repairs.append("several-labels")
        self.result.regions.use(repairs, self._where(region))
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
