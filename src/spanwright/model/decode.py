"""Label scores → spans: constrained Viterbi, and the exact probability of each span.

The lattice has the states O, B-x and I-x; I-x may follow only B-x or I-x of the same label. There are no learned
transition weights: a path's score is the sum of the tokens' log-probabilities. Two further constraints per token:

- *glued*: it shares characters with the token before it, so no span begins or ends between the two;
- *empty*: it carries no characters, so no span begins with it.

Many documents are decoded side by side: arrays have a leading axis for documents, padded at the end. Because every
state but I-x can follow any state, one step costs O(labels), not O(labels²).

Shapes: D documents, T tokens, L labels; scores are log-probabilities, float32 or float64, in the order of `LabelSet.tags`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spanwright.document import Span
from spanwright.labels import LabelSet, runs_of, span_over

Array = npt.NDArray[Any]
IMPOSSIBLE = -1e30
"""Stands for log 0 without the NaN that minus infinity minus itself would give."""
PADDED_TOKENS_AT_ONCE = 200_000


@dataclass(frozen=True)
class Scored:
    """One document's tokens with their label scores.

    Attributes:
        offsets: half-open code-point offsets per token.
        scores: log-probabilities, shape (tokens, tags).
        glued, empty: bool, shape (tokens,); see the module docstring.
    """

    offsets: Sequence[tuple[int, int]]
    scores: Array
    glued: Array
    empty: Array


def decode(documents: Sequence[Scored], labels: LabelSet) -> list[tuple[Span, ...]]:
    """The best spans of each document, with their marginal probabilities as scores."""
    results: list[tuple[Span, ...]] = [()] * len(documents)
    order = sorted(range(len(documents)), key=lambda index: len(documents[index].offsets))
    for group in _groups(order, documents):
        batch = _Batch.of([documents[index] for index in group])
        paths = viterbi(batch)
        forward, backward, total = _forward_backward(batch)
        for row, index in enumerate(group):
            lattice = _Lattice(batch.scores[row], forward[row], backward[row], float(total[row]))
            results[index] = tuple(_spans(documents[index], paths[row], lattice, labels))
    return results


def _groups(order: Sequence[int], documents: Sequence[Scored]) -> list[list[int]]:
    """Documents of like length together, as many as fit the memory budget; those without tokens are left out."""
    groups: list[list[int]] = []
    for index in order:
        length = len(documents[index].offsets)
        if length == 0:
            continue
        if groups and (len(groups[-1]) + 1) * length <= PADDED_TOKENS_AT_ONCE:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


@dataclass(frozen=True)
class _Batch:
    """Scores (D, T, 1 + 2L) with impossible ones masked, `glued` (D, T) and the lengths (D,)."""

    scores: Array
    glued: Array
    lengths: Array

    @classmethod
    def of(cls, documents: Sequence[Scored]) -> _Batch:
        lengths = np.array([len(document.offsets) for document in documents])
        tags = documents[0].scores.shape[1]
        scores = np.full((len(documents), int(lengths.max()), tags), IMPOSSIBLE)
        scores[:, :, 0] = 0.0  # padding is O with certainty, so it changes neither a path nor a sum
        glued = np.zeros(scores.shape[:2], dtype=bool)
        for row, document in enumerate(documents):
            scores[row, : lengths[row]] = document.scores
            glued[row, : lengths[row]] = document.glued
            scores[row, : lengths[row], 1::2][document.empty | document.glued] = IMPOSSIBLE
        scores[:, 0, 2::2] = IMPOSSIBLE
        return cls(scores, glued, lengths)


def viterbi(batch: _Batch) -> Array:
    """The best tag ids, shape (D, T)."""
    scores, glued = batch.scores, batch.glued
    documents, tokens, tags = scores.shape
    # For O and B- states: the best state before. For I- states: 0 when B- came before, 1 when I- did.
    best_before = np.zeros((documents, tokens), dtype=np.int32)
    came_from_inside = np.zeros((documents, tokens, tags // 2), dtype=bool)
    reached = scores[:, 0].copy()
    rows = np.arange(documents)
    for token in range(1, tokens):
        begin, inside = reached[:, 1::2], reached[:, 2::2]
        free = reached.argmax(axis=1)
        before = np.where(glued[:, token], 0, free)
        best_before[:, token] = before
        came_from_inside[:, token] = inside > begin
        following = scores[:, token].copy()
        following[:, 0] += reached[rows, before]
        following[:, 1::2] += reached[rows, before][:, None]
        following[:, 2::2] += np.maximum(begin, inside)
        reached = following
    path = np.empty((documents, tokens), dtype=np.int64)
    path[:, -1] = reached.argmax(axis=1)
    for token in range(tokens - 1, 0, -1):
        current = path[:, token]
        label = np.maximum(current - 1, 0) // 2
        is_inside = (current > 0) & (current % 2 == 0)
        inside_before = 1 + 2 * label + came_from_inside[rows, token, label]
        path[:, token - 1] = np.where(is_inside, inside_before, best_before[:, token])
    return path


def _forward_backward(batch: _Batch) -> tuple[Array, Array, Array]:
    """Log sums over all paths up to and after each state (D, T, tags), and over all paths (D,)."""
    scores, glued = batch.scores, batch.glued
    tokens = scores.shape[1]
    forward, backward = np.empty_like(scores), np.zeros_like(scores)
    forward[:, 0] = scores[:, 0]
    for token in range(1, tokens):
        before = forward[:, token - 1]
        anything = np.where(glued[:, token], before[:, 0], _logsum(before))
        forward[:, token, 0] = scores[:, token, 0] + anything
        forward[:, token, 1::2] = scores[:, token, 1::2] + anything[:, None]
        forward[:, token, 2::2] = scores[:, token, 2::2] + np.logaddexp(before[:, 1::2], before[:, 2::2])
    for token in range(tokens - 2, -1, -1):
        after = scores[:, token + 1] + backward[:, token + 1]
        stop = np.concatenate([after[:, :1], after[:, 1::2]], axis=1)
        leave = np.where(glued[:, token + 1], IMPOSSIBLE, _logsum(stop))
        backward[:, token, 0] = np.where(glued[:, token + 1], after[:, 0], leave)
        going_on = np.logaddexp(leave[:, None], after[:, 2::2])
        backward[:, token, 1::2] = going_on
        backward[:, token, 2::2] = going_on
    return forward, backward, _logsum(forward[:, -1])


def _logsum(values: Array) -> Array:
    """Logarithm of the sum of exponentials over the last axis."""
    highest = values.max(axis=-1, keepdims=True)
    total: Array = highest[..., 0] + np.log(np.exp(values - highest).sum(axis=-1))
    return total


@dataclass(frozen=True)
class _Lattice:
    """One document's sums, from which the probability of any span follows."""

    scores: Array
    forward: Array
    backward: Array
    total: float

    def marginal(self, first: int, last: int, label: int, real: int) -> float:
        """Probability of all paths with exactly this span: B- at `first`, I- up to `last`, then no I- of it.

        Args:
            first, last: tokens, both inside the span.
            label: index of the label.
            real: how many tokens of the row are no padding.
        """
        inside = self.scores[first + 1 : last + 1, 2 + 2 * label].sum()
        after = 0.0
        if last + 1 < real:
            states = self.scores[last + 1] + self.backward[last + 1]
            after = float(_logsum(np.concatenate([states[:1], states[1::2]])))
        return float(np.exp(min(0.0, self.forward[first, 1 + 2 * label] + inside + after - self.total)))


def _spans(document: Scored, path: Array, lattice: _Lattice, labels: LabelSet) -> Iterator[Span]:
    """The spans of a path, each with its marginal probability."""
    tokens = len(document.offsets)
    for first, last, label in runs_of(path[:tokens].tolist()):
        score = lattice.marginal(first, last, label, tokens)
        span = span_over(first, last, document.offsets, labels.names[label], score)
        if span is not None:
            yield span
