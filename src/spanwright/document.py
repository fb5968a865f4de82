"""`Span` and `Document`: the words everything else is said in.

Conventions: an offset counts Unicode code points of the original text (what `len` and slicing of a Python `str` count);
a span is half-open, `text[start:end]`; a document's spans are sorted by start, then end, then label, and may overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spanwright.errors import DataError


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A labelled stretch of text, `text[start:end]`.

    Attributes:
        start: first code point of the span.
        end: one past its last code point; always greater than `start`.
        label: the entity type, never empty.
        score: the model's probability in [0, 1], or None for gold; it takes no part in equality or order.
    """

    start: int
    end: int
    label: str
    score: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise DataError(f"A span must have 0 <= start < end, but start is {self.start} and end is {self.end}.")
        if not self.label:
            raise DataError(f"The span {self.start}–{self.end} has no label.")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise DataError(f"A score lies in [0, 1], but the span {self.start}–{self.end} has {self.score}.")

    def __len__(self) -> int:
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one code point."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its labelled spans: the unit of splitting, training, prediction and scoring.

    Attributes:
        id: unique within a corpus.
        text: the original text, never changed.
        spans: None when nobody has labelled the text; an empty tuple when a reader found nothing in it.
        group: what a split may not tear apart, such as the article that a chunk was cut from; the id by default.
        meta: anything else, kept as it came; `meta["label_studio"]` holds what the way back to Label Studio needs.

    Raises:
        DataError: a span ends beyond the text.
    """

    id: str
    text: str
    spans: tuple[Span, ...] | None = None
    group: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.id)
        if self.spans is not None:
            object.__setattr__(self, "spans", tuple(sorted(self.spans)))
            for span in self.spans:
                if span.end > len(self.text):
                    raise DataError(
                        f"Document {self.id} has {len(self.text)} characters, "
                        f"but its span {span.label} ends at {span.end}."
                    )

    def surface(self, span: Span) -> str:
        """The text that a span covers."""
        return self.text[span.start : span.end]

    def with_spans(self, spans: tuple[Span, ...] | None) -> Document:
        """The same document with other spans."""
        return replace(self, spans=spans)
