"""`Evaluation`: counts per document in, every number of `evaluation.json` out.

Only counts are stored; precision, recall, F1 and intervals are worked out from them when asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spanwright.document import Document
from spanwright.errors import DataError, Problem
from spanwright.scoring.counts import FN, FP, TP, FloatArray, IntArray, rates, strict_counts, token_counts
from spanwright.scoring.intervals import interval, resampled, sum_by_group

MODES = ("strict", "token")
RATES = ("precision", "recall", "f1")
FEW_GROUPS = 10
"""With fewer groups than this a percentile bootstrap is rough, and its intervals tend to be too narrow."""


@dataclass(frozen=True)
class Evaluation:
    """What was counted over a set of documents.

    Attributes:
        labels: every label of gold or prediction, sorted.
        ids, groups: of the documents, in their order.
        counts: per mode an array of shape (documents, labels, 3): true positives, false positives, false negatives.
        words: shape (documents, 2): words with equal label sets, and all words.
        data_sha256: of the gold documents; two evaluations compare only when it agrees.
        version: of the package that counted.
        resamples, seed: of the bootstrap.
    """

    labels: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    counts: Mapping[str, IntArray]
    words: IntArray
    data_sha256: str
    version: str
    resamples: int = 1_000
    seed: int = 0

    @property
    def signature(self) -> str:
        """The conventions behind the numbers; equal signatures mean that the numbers may be compared."""
        fields = {
            "spanwright": self.version,
            "unit": "code-points",
            "average": "micro",
            "modes": "+".join(MODES),
            "zero": "0",
            "ci": f"bootstrap-groups-{self.resamples}-seed-{self.seed}",
            "data": self.data_sha256[:16],
        }
        return "|".join(f"{key}:{value}" for key, value in fields.items())

    @cached_property
    def _group_index(self) -> IntArray:
        return np.unique(np.array(self.groups), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def _resampled(self) -> dict[str, FloatArray]:
        """Bootstrap sums per mode, shape (resamples, labels, 3)."""
        return {
            mode: resampled(sum_by_group(counts, self._group_index), self.resamples, self.seed)
            for mode, counts in self.counts.items()
        }

    def overall(self, mode: str) -> dict[str, Any]:
        """Micro average: the counts of all labels summed."""
        counts, samples = self.counts[mode].sum(axis=(0, 1)), self._resampled[mode].sum(axis=1)
        score = _score(counts, samples)
        if mode == "token":
            equal, words = (int(number) for number in self.words.sum(axis=0))
            score["accuracy"] = equal / words if words else 0.0
        return score

    def label(self, mode: str, label: str) -> dict[str, Any]:
        """The scores of one label."""
        row = self.labels.index(label)
        return _score(self.counts[mode].sum(axis=0)[row], self._resampled[mode][:, row])

    def average(self, mode: str, weighted: bool) -> dict[str, Any]:
        """Macro average: the mean over labels, each counting alike or by its gold spans (words, in token mode).

        In a resample, labels for which a number is undefined do not enter its mean, and weights are the resample's own.
        """
        total = self.counts[mode].sum(axis=0)
        values = [float(value) for value in _mean(rates(total), _support(total), weighted)]
        drawn = self._resampled[mode]
        samples = _mean(rates(drawn, undefined=np.nan), _support(drawn), weighted)
        return _named(values, [interval(sample) for sample in samples]) | {"support": int(_support(total).sum())}

    def f1(self, mode: str = "strict") -> float:
        """Overall F1 without the intervals, which cost more."""
        return float(rates(self.counts[mode].sum(axis=(0, 1)))[2])

    def to_dict(self) -> dict[str, Any]:
        """`evaluation.json`."""
        total = self.counts["strict"].sum(axis=(0, 1))
        return {
            "schema": 1,
            "signature": self.signature,
            "data_sha256": self.data_sha256,
            "documents": len(self.ids),
            "groups": len(set(self.groups)),
            "gold_spans": int(total[TP] + total[FN]),
            "predicted_spans": int(total[TP] + total[FP]),
            "overall": {mode: self.overall(mode) for mode in MODES},
            "macro": {mode: self.average(mode, weighted=False) for mode in MODES},
            "weighted": {mode: self.average(mode, weighted=True) for mode in MODES},
            "by_label": {label: {mode: self.label(mode, label) for mode in MODES} for label in self.labels},
            "by_document": [
                {"id": name, "group": group, **{mode: _counts(self.counts[mode][row].sum(axis=0)) for mode in MODES}}
                for row, (name, group) in enumerate(zip(self.ids, self.groups, strict=True))
            ],
        }


def _support(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Gold spans (or words) from counts of shape (..., 3)."""
    support: npt.NDArray[Any] = counts[..., TP] + counts[..., FN]
    return support


def _mean(values: Sequence[FloatArray], support: npt.NDArray[Any], weighted: bool) -> list[FloatArray]:
    """Means over the last axis, of the defined values; 0 without labels, NaN where no value is defined.

    A weighted mean in which no label has gold spans is undefined, and 0 when there is nothing to draw from.
    """
    means = []
    for value in values:
        if not value.shape[-1]:
            means.append(np.zeros(value.shape[:-1]) if value.ndim == 1 else np.full(value.shape[:-1], np.nan))
            continue
        weights = np.where(np.isnan(value), 0.0, support if weighted else 1.0)
        total = weights.sum(axis=-1)
        summed = (np.nan_to_num(value) * weights).sum(axis=-1)
        undefined = np.full_like(total, np.nan if value.ndim > 1 else 0.0)
        means.append(np.divide(summed, total, out=undefined, where=total > 0))
    return means


def _score(counts: IntArray, samples: FloatArray) -> dict[str, Any]:
    """One `S` of the design: rates with intervals, support and counts."""
    values = [float(rate) for rate in rates(counts)]
    ends = [interval(rate) for rate in rates(samples, undefined=np.nan)]
    return _named(values, ends) | {"support": int(_support(counts))} | _counts(counts)


def _named(values: Sequence[float], ends: Sequence[FloatArray]) -> dict[str, Any]:
    named: dict[str, Any] = dict(zip(RATES, values, strict=True))
    for name, pair in zip(RATES, ends, strict=True):
        named[f"{name}_ci95"] = None if np.isnan(pair).any() else [float(end) for end in pair]
    return named


def _counts(counts: IntArray) -> dict[str, int]:
    return {"true_positives": int(counts[TP]), "false_positives": int(counts[FP]), "false_negatives": int(counts[FN])}


def data_sha256(documents: Sequence[Document]) -> str:
    """A hash of ids, groups, texts and gold spans, whatever the order of the documents."""
    digest = hashlib.sha256()
    for document in sorted(documents, key=lambda document: document.id):
        spans = [[span.start, span.end, span.label] for span in document.spans or ()]
        digest.update(json.dumps([document.id, document.group, document.text, spans]).encode())
    return digest.hexdigest()


def evaluate_documents(
    gold: Sequence[Document], predicted: Sequence[Document], *, version: str = "", resamples: int = 1_000, seed: int = 0
) -> Evaluation:
    """Score predictions against gold, document by document.

    Args:
        gold: labelled documents (`spans` not None).
        predicted: the same documents by id, in any order, with predicted spans; the texts must be equal.
        version: goes into the signature.
        resamples, seed: of the bootstrap over groups.

    Raises:
        DataError: there is nothing to score, or a document is missing, unlabelled, unknown or has another text.
    """
    guesses = _matched(gold, predicted)
    labels = tuple(sorted({span.label for d in (*gold, *guesses) for span in d.spans or ()}))
    strict, token, words = [], [], []
    for document, guess in zip(gold, guesses, strict=True):
        strict.append(strict_counts(document.spans or (), guess.spans or (), labels))
        by_word, equal = token_counts(document, guess.spans or (), labels)
        token.append(by_word)
        words.append(equal)
    return Evaluation(
        labels=labels,
        ids=tuple(document.id for document in gold),
        groups=tuple(document.group for document in gold),
        counts={"strict": np.stack(strict), "token": np.stack(token)},
        words=np.stack(words),
        data_sha256=data_sha256(gold),
        version=version,
        resamples=resamples,
        seed=seed,
    )


def _matched(gold: Sequence[Document], predicted: Sequence[Document]) -> list[Document]:
    """The predictions in the order of gold."""
    if not gold:
        raise DataError("There is no document to score.", remedy="Check the gold file.")
    by_id = {document.id: document for document in predicted}
    problems = [
        Problem(f"Document {name} occurs {count} times in the {side}.")
        for side, documents in (("gold documents", gold), ("predictions", predicted))
        for name, count in Counter(document.id for document in documents).items()
        if count > 1
    ]
    for document in gold:
        guess = by_id.get(document.id)
        if document.spans is None:
            problems.append(Problem(f"Document {document.id} has no gold spans (null); nobody labelled it."))
        elif guess is None:
            problems.append(Problem(f"Document {document.id} has no prediction."))
        elif guess.text != document.text:
            problems.append(Problem(f"Document {document.id} has another text in the predictions."))
        elif guess.spans is None:
            problems.append(Problem(f"Document {document.id} was not predicted (spans are null)."))
    known = {document.id for document in gold}
    problems += [Problem(f"Document {name} is not among the gold documents.") for name in by_id if name not in known]
    if problems:
        raise DataError(
            "Gold and predictions do not belong together:",
            problems=problems,
            remedy="Predict on the very documents that are to be scored.",
        )
    return [by_id[document.id] for document in gold]
