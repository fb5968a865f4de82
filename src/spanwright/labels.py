"""`LabelSet`, and spans ⇄ B-/I-/O tags on given token offsets.

Conventions: tokens come as half-open code-point offsets into the text, in order; a token may be empty (whitespace, or a
character that the tokenizer removed), and neighbouring tokens may share a character (a byte-level tokenizer cuts an emoji
into several). Tag ids are 0 for O, `1 + 2k` for B- and `2 + 2k` for I- of the k-th label.

How a span meets tokens (`align`), each deviation tallied:

- whitespace at its edges is cut off (repaired: edge-whitespace); nothing but whitespace is dropped (whitespace-only);
- it takes every token that shares a character with it; if that moves an edge, to the edge of the token that straddles
  it or past characters that no token covers, it is repaired (boundary-moved-to-token);
- no token at all: dropped (no-token);
- a token can carry one tag, so of spans that want the same token the longest wins, then the first, then the label that
  sorts first; the others are dropped: `overlap` when the spans share characters, `shares-a-token` when only a token is
  too coarse for both, `duplicate` when they are equal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spanwright.document import Document, Span
from spanwright.errors import DataError
from spanwright.tally import Tally

OUTSIDE = 0
Offsets = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The entity labels of a model in a fixed order, and the tag ids that follow from it."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, documents: Iterable[Document]) -> LabelSet:
        """The labels that occur in the documents, sorted."""
        return cls(tuple(sorted({span.label for document in documents for span in document.spans or ()})))

    @classmethod
    def from_tags(cls, tags: Sequence[str]) -> LabelSet:
        """From a checkpoint's tag names, in any order.

        Raises:
            DataError: a tag is neither O, B-x nor I-x.
        """
        wrong = [tag for tag in tags if tag != "O" and not (tag[:2] in ("B-", "I-") and len(tag) > 2)]
        if wrong:
            raise DataError(
                f"These are no O, B- or I- tags: {', '.join(wrong[:8])}.",
                remedy="Only models with B-/I-/O tags can be decoded into spans.",
            )
        return cls(tuple(dict.fromkeys(tag[2:] for tag in tags if tag != "O")))

    @property
    def tags(self) -> tuple[str, ...]:
        """All tag names, in the order of their ids."""
        return ("O", *(f"{prefix}-{name}" for name in self.names for prefix in "BI"))

    def begin(self, label: str) -> int:
        """The id of the B- tag of a label; the I- tag is the next one."""
        return 1 + 2 * self.names.index(label)

    def __len__(self) -> int:
        return len(self.names)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The offsets without the whitespace at either edge; `start == end` when nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def inside_word(text: str, place: int) -> bool:
    """Whether a boundary before the character at `place` would cut a run of letters and digits."""
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()


def share_inside_words(documents: Iterable[Document]) -> float:
    """Which share of all span boundaries lies inside a word; 0.0 without spans."""
    cut = [
        inside_word(document.text, place)
        for document in documents
        for span in document.spans or ()
        for place in (span.start, span.end)
    ]
    return sum(cut) / max(1, len(cut))


def align(document: Document, offsets: Offsets, labels: LabelSet, tally: Tally) -> list[int]:
    """Tag ids for the tokens of a document, by the rules in this module's docstring.

    Args:
        document: its `spans` are counted in `tally`, each once.
        offsets: one half-open pair per token, in the document's text, trimmed of whitespace.
        labels: must hold the label of every span.

    Returns:
        One tag id per token.
    """
    tags = [OUTSIDE] * len(offsets)
    owner: list[Span | None] = [None] * len(offsets)
    visible = [index for index, (start, end) in enumerate(offsets) if start < end]
    starts = [offsets[index][0] for index in visible]
    ends = [offsets[index][1] for index in visible]
    trimmed = [(span, *trim(document.text, span.start, span.end)) for span in document.spans or ()]
    for span, start, end in sorted(trimmed, key=lambda item: (item[1] - item[2], item[0])):
        where = f"{document.id} [{span.start}:{span.end}] {span.label} {document.surface(span)[:60]!r}"
        if start == end:
            tally.drop("whitespace-only", where)
            continue
        first, last = bisect_right(ends, start), bisect_left(starts, end) - 1
        if first > last:
            tally.drop("no-token", where)
            continue
        tokens = range(visible[first], visible[last] + 1)
        taken_by = {winner for token in tokens if (winner := owner[token]) is not None}
        if taken_by:
            tally.drop(_collision(Span(start, end, span.label), taken_by), where)
            continue
        repairs = []
        if (start, end) != (span.start, span.end):
            repairs.append("edge-whitespace")
        if (starts[first], ends[last]) != (start, end):
            repairs.append("boundary-moved-to-token")
        tally.use(repairs, where)
        begin = labels.begin(span.label)
        for token in tokens:
            owner[token] = Span(start, end, span.label)
            tags[token] = begin + 1
        tags[tokens[0]] = begin
    return tags


def _collision(span: Span, winners: Iterable[Span]) -> str:
    """Why a span lost its tokens; both sides without the white space at their edges."""
    if any(span == winner for winner in winners):
        return "duplicate"
    return "overlap" if any(span.overlaps(winner) for winner in winners) else "shares-a-token"


def runs_of(tags: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """First token, last token and label index of each span that a tag sequence says.

    An I- tag that continues no span of its label begins one, as in seqeval's lenient reading; constrained decoding never
    makes one.
    """
    first, current = 0, -1
    for token, tag in enumerate((*tags, OUTSIDE)):
        label = (tag - 1) // 2 if tag != OUTSIDE else -1
        if label == current and not (tag != OUTSIDE and tag % 2 == 1):
            continue
        if current >= 0:
            yield first, token - 1, current
        first, current = token, label


def span_over(first: int, last: int, offsets: Offsets, label: str, score: float | None = None) -> Span | None:
    """The span over the characters of tokens `first` to `last`, or None when all of them are empty."""
    filled = [pair for pair in offsets[first : last + 1] if pair[0] < pair[1]]
    if not filled:
        return None
    return Span(filled[0][0], max(end for _, end in filled), label, score)


def spans_of(tags: Sequence[int], offsets: Offsets, labels: LabelSet) -> list[Span]:
    """The spans that a tag sequence says, as character offsets; empty tokens at their edges do not move them."""
    spans = (span_over(first, last, offsets, labels.names[label]) for first, last, label in runs_of(tags))
    return [span for span in spans if span is not None]
