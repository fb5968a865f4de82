"""`documents.jsonl`, the format between the steps: one document a line, readable by a person.

    {"id": "12", "text": "…", "group": "article-3", "spans": [{"start": 0, "end": 5, "label": "TAXA"}], "meta": {}}

`spans` is null when nobody has labelled the text. A predicted span has a `score` too. Unknown keys of a line are kept
in `meta`, so that a file from elsewhere loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from spanwright.document import Document, Span
from spanwright.errors import FormatError, Problem, SpanwrightError
from spanwright.files import PathLike, replacing, require_exists

KEYS = ("id", "text", "group", "spans", "meta")


def looks_like_documents(first: Any) -> bool:
    """Whether a parsed first line is one of ours: a mapping with a string `text` and a key `id` or `spans`."""
    return isinstance(first, dict) and isinstance(first.get("text"), str) and ("spans" in first or "id" in first)


def read_documents(path: PathLike) -> list[Document]:
    """All documents of a file.

    Raises:
        PathError: there is no such file.
        FormatError: the file is empty, or lines are broken; all of them are named.
    """
    path = require_exists(Path(path), "The documents file")
    if path.is_dir():
        raise FormatError("This is a folder, not a documents.jsonl file.", path=path, remedy="Name the file inside it.")
    documents: list[Document] = []
    problems: list[Problem] = []
    lines_of_ids: dict[str, int] = {}
    for number, line in _lines(path):
        try:
            document = document_from(orjson.loads(line), number)
        except (orjson.JSONDecodeError, SpanwrightError) as error:
            problems.append(Problem(f"{_plain(error)}", path=path, line=number))
            continue
        first_seen = lines_of_ids.setdefault(document.id, number)
        if first_seen != number:
            problems.append(
                Problem(f'The id "{document.id}" was already used in line {first_seen}.', path=path, line=number)
            )
        documents.append(document)
    if problems:
        raise FormatError(
            f"{path} has {len(problems)} broken line(s):",
            problems=problems,
            remedy="Each line must be one JSON object with id, text and spans; `spanwright import` writes such a file.",
        )
    if not documents:
        raise FormatError("The file is empty.", path=path, remedy="Run `spanwright import` again, or check the path.")
    return documents


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line.removeprefix(b"\xef\xbb\xbf")


def _plain(error: Exception) -> str:
    if isinstance(error, SpanwrightError):
        return str(error)
    return f"This is not valid JSON ({str(error).split(': line')[0]}); is the file cut off, or of another kind?"


def document_from(data: Any, number: int = 0) -> Document:
    """A document from a parsed line; `number` names it when it has no id.

    Raises:
        FormatError: a key is missing or has a value of the wrong type.
        DataError: a span cannot be right.
    """
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        raise FormatError('A document must be an object with a string "text".')
    spans = data.get("spans")
    if spans is not None and not isinstance(spans, list):
        raise FormatError('"spans" must be a list or null.')
    meta = data.get("meta")
    if meta is not None and not isinstance(meta, dict):
        raise FormatError('"meta" must be an object.')
    name, group = data.get("id"), data.get("group")
    extra = {key: value for key, value in data.items() if key not in KEYS}
    return Document(
        id=str(number if name is None else name),
        text=data["text"],
        spans=None if spans is None else tuple(_span_from(span) for span in spans),
        group="" if group is None else str(group),
        meta={**extra, **(meta or {})},
    )


def _span_from(data: Any) -> Span:
    if not isinstance(data, dict) or not all(type(data.get(key)) is int for key in ("start", "end")):
        raise FormatError(f'A span needs whole numbers "start" and "end", but this one is {data!r}.')
    score = data.get("score")
    if score is not None and not isinstance(score, int | float):
        raise FormatError(f'A "score" is a number or absent, but this one is {score!r}.')
    return Span(data["start"], data["end"], str(data.get("label") or ""), score)


def to_dict(document: Document) -> dict[str, Any]:
    """The JSON form of a document."""
    return {
        "id": document.id,
        "text": document.text,
        "group": document.group,
        "spans": None if document.spans is None else [_span_to_dict(span) for span in document.spans],
        "meta": dict(document.meta),
    }


def _span_to_dict(span: Span) -> dict[str, Any]:
    data: dict[str, Any] = {"start": span.start, "end": span.end, "label": span.label}
    return data if span.score is None else {**data, "score": round(span.score, 6)}


def write_documents(path: PathLike, documents: Iterable[Document]) -> int:
    """Write documents, all or nothing; returns how many."""
    count = 0
    with replacing(Path(path), "wb") as stream:
        for document in documents:
            stream.write(orjson.dumps(to_dict(document), option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count
