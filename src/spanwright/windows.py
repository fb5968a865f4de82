"""Long documents as overlapping windows, and back: no token is lost and none counts twice.

A model reads at most `length` tokens. A document of more tokens is cut into windows of nearly equal length; neighbours
share at least `stride` tokens, for context only. Each token has exactly one window that counts for it, the one in which
it sees most context on its poorer side: the `core` of a window. The cores of a document partition its tokens, so scores
are stitched by taking every token from its core, and a loss over the cores counts each token once.

Conventions: token indices are half-open, and count the document's own tokens, without special tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanwright.errors import SettingsError
from spanwright.labels import trim


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `start:end` are read together; tokens `core_start:core_end` are taken from this window."""

    start: int
    end: int
    core_start: int
    core_end: int

    def __len__(self) -> int:
        return self.end - self.start


def plan_windows(tokens: int, length: int, stride: int) -> list[Window]:
    """The windows of a document.

    Args:
        tokens: how many tokens the document has.
        length: most tokens that a window may hold.
        stride: fewest tokens that neighbouring windows share (as `stride` of HuggingFace tokenizers).

    Returns:
        Windows in order; none for a document without tokens. Their lengths differ by at most one token, except that the
        overlap may be wider than asked for.

    Raises:
        SettingsError: the stride leaves no room to move on.
    """
    if not 0 <= stride < length:
        raise SettingsError(
            f"A stride of {stride} does not fit windows of {length} sub-words.",
            key="windows.stride",
            remedy="It must be 0 or more and below windows.length (special tokens take some of that length).",
        )
    if tokens == 0:
        return []
    count = max(1, -(-(tokens - stride) // (length - stride)))
    size = -(-(tokens + (count - 1) * stride) // count)
    last_start = tokens - min(size, tokens)
    starts = [round(index * last_start / max(1, count - 1)) for index in range(count)]
    ends = [min(start + size, tokens) for start in starts]
    cuts = [0, *((starts[index + 1] + ends[index]) // 2 for index in range(count - 1)), tokens]
    return [Window(starts[i], ends[i], cuts[i], cuts[i + 1]) for i in range(count)]


def trim_offsets(text: str, offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Token offsets without the white space that some tokenizers count into a token; whitespace tokens become empty."""
    return [trim(text, start, end) for start, end in offsets]
