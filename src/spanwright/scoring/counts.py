"""What is counted, per document and label.

Conventions
    Offsets are half-open code-point offsets of the original text. Every span counts, overlapping and nested ones too.
    A span occurs as often as it is listed: two equal gold spans need two equal predictions. The order of spans means
    nothing. Precision, recall and F1 are computed from summed counts, never averaged over documents; 0/0 is 0.

Modes
    strict   A predicted span is a true positive when a gold span has the same start, end and label; otherwise it is a
             false positive. A gold span without such a prediction is a false negative. (CoNLL-2003's exact match.)
    token    Per whitespace-delimited word of the original text, the set of labels whose spans touch it, without B/I.
             A label in both sets is a true positive, only in the predicted one a false positive, only in gold a false
             negative. `accuracy` is the share of words whose two sets are equal, words without labels included.

One sentence under each mode
    Text       `Alnus glutinosa grew near Lake Onega.`
    gold       TAXA `Alnus glutinosa`, SITE `Lake Onega`
    predicted  TAXA `Alnus`,           SITE `Lake Onega`
    strict     TAXA: 0 true positives, 1 false positive, 1 false negative; SITE: 1, 0, 0. Overall F1 1/2.
    token      TAXA: 1 (Alnus), 0, 1 (glutinosa); SITE: 2 (Lake, Onega.), 0, 0. Overall F1 6/7. Accuracy 5/6.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spanwright.document import Document, Span

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

TP, FP, FN = 0, 1, 2


def strict_counts(gold: Sequence[Span], predicted: Sequence[Span], labels: Sequence[str]) -> IntArray:
    """True positives, false positives and false negatives of one document, shape (labels, 3)."""
    row = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), 3), dtype=np.int64)
    wanted, got = Counter(gold), Counter(predicted)
    for kind, spans in ((TP, wanted & got), (FP, got - wanted), (FN, wanted - got)):
        for span, times in spans.items():
            counts[row[span.label], kind] += times
    return counts


def token_counts(document: Document, predicted: Sequence[Span], labels: Sequence[str]) -> tuple[IntArray, IntArray]:
    """The token view of one document.

    Returns:
        Counts as `strict_counts`, and an array of two: words whose label sets are equal, and all words.
    """
    words = np.array([match.span() for match in re.finditer(r"\S+", document.text)], dtype=np.int64).reshape(-1, 2)
    gold = _touches(words, document.spans or (), labels)
    guess = _touches(words, predicted, labels)
    counts = np.stack([(gold & guess).sum(0), (guess & ~gold).sum(0), (gold & ~guess).sum(0)], axis=1)
    equal = (gold == guess).all(axis=1).sum()
    return counts.astype(np.int64), np.array([equal, len(words)], dtype=np.int64)


def _touches(words: IntArray, spans: Sequence[Span], labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which words share a character with a span of which label, shape (words, labels)."""
    row = {label: index for index, label in enumerate(labels)}
    touched = np.zeros((len(words), len(labels)), dtype=bool)
    if len(words) and spans:
        firsts = np.searchsorted(words[:, 1], [span.start for span in spans], side="right")
        lasts = np.searchsorted(words[:, 0], [span.end for span in spans], side="left")
        for span, first, last in zip(spans, firsts, lasts, strict=True):
            touched[first:last, row[span.label]] = True
    return touched


def rates(counts: npt.NDArray[Any], undefined: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Precision, recall and F1 from counts.

    Args:
        counts: shape (..., 3), true positives, false positives, false negatives.
        undefined: the value of 0/0.

    Returns:
        Three arrays of shape (...): tp / (tp + fp), tp / (tp + fn), 2 tp / (2 tp + fp + fn).
    """
    tp, fp, fn = (counts[..., kind].astype(np.float64) for kind in (TP, FP, FN))

    def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
        return np.divide(part, whole, out=np.full_like(part, undefined), where=whole > 0)

    return ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn)
