"""Documents → token ids with offsets → windows that a model can read.

A document is tokenized once, whole and raw, with the tokenizer's offset mapping; windows are slices of that one token
sequence, so a token means the same in every window and its place in the text is never guessed from words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spanwright.document import Document
from spanwright.labels import LabelSet, align, inside_word
from spanwright.model.encoder import Frame
from spanwright.tally import Tally
from spanwright.windows import Window, plan_windows, trim_offsets

IGNORED = -100
"""The label of a position that does not enter the loss, as torch's cross entropy has it."""
TOKENIZED_AT_ONCE = 64

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class EncodedDocument:
    """A document as tokens.

    Attributes:
        document: where the tokens come from.
        ids: int64, shape (tokens,), without special tokens.
        offsets: half-open code-point offsets per token, without white space; equal ends mean an empty token.
    """

    document: Document
    ids: Array
    offsets: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.ids)

    def glued(self, whole_words: bool) -> Array:
        """Where no span may begin or end before a token: it shares characters with the one before it.

        Args:
            whole_words: also where the boundary would lie inside a word.
        """
        text = self.document.text
        glued = np.zeros(len(self), dtype=bool)
        for token in range(1, len(self)):
            before, (start, end) = self.offsets[token - 1][1], self.offsets[token]
            glued[token] = start < before or (whole_words and start == before < end and inside_word(text, start))
        return glued

    def empty(self) -> Array:
        """Which tokens carry no characters."""
        return np.array([start == end for start, end in self.offsets], dtype=bool)


def encode(documents: Sequence[Document], tokenizer: Any) -> Iterator[EncodedDocument]:
    """Tokenize documents, a batch of texts at a time."""
    for start in range(0, len(documents), TOKENIZED_AT_ONCE):
        batch = documents[start : start + TOKENIZED_AT_ONCE]
        encoded = tokenizer(
            [document.text for document in batch],
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            truncation=False,
            verbose=False,
        )
        for document, ids, offsets in zip(batch, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            yield EncodedDocument(document, np.array(ids, dtype=np.int64), trim_offsets(document.text, offsets))


@dataclass(frozen=True)
class Example:
    """One window to learn from: ids with special tokens, and tags that are `IGNORED` outside the window's core."""

    ids: Array
    tags: Array

    def __len__(self) -> int:
        return len(self.ids)


def window_length(frame: Frame, wanted: int) -> int:
    """How many of a document's tokens fit into one window of `wanted` tokens, special tokens taken off."""
    return min(wanted, frame.length) - len(frame.prefix) - len(frame.suffix)


def framed(encoded: EncodedDocument, window: Window, frame: Frame) -> Array:
    """The ids of a window with the special tokens around them."""
    return np.concatenate([frame.prefix, encoded.ids[window.start : window.end], frame.suffix]).astype(np.int64)


def training_examples(
    documents: Sequence[Document], tokenizer: Any, frame: Frame, labels: LabelSet, length: int, stride: int
) -> tuple[list[Example], Tally]:
    """Windows of labelled documents.

    Args:
        length: tokens per window with special tokens; a shorter limit of the model wins.
        stride: tokens that neighbouring windows share.

    Returns:
        The examples, and one record per span of what alignment made of it.
    """
    tally = Tally("train", "span")
    examples = []
    for encoded in encode(documents, tokenizer):
        tags = np.array(align(encoded.document, encoded.offsets, labels, tally), dtype=np.int64)
        for window in plan_windows(len(encoded), window_length(frame, length), stride):
            target = np.full(len(frame.prefix) + len(window) + len(frame.suffix), IGNORED, dtype=np.int64)
            shift = len(frame.prefix) - window.start
            target[window.core_start + shift : window.core_end + shift] = tags[window.core_start : window.core_end]
            examples.append(Example(framed(encoded, window, frame), target))
    return examples, tally


def pad_batch(rows: Sequence[Array], fill: int) -> Array:
    """Rows of different lengths as one int64 array, filled up on the right."""
    batch = np.full((len(rows), max(len(row) for row in rows)), fill, dtype=np.int64)
    for index, row in enumerate(rows):
        batch[index, : len(row)] = row
    return batch
