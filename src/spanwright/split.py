"""Documents → train, validation and test, without tearing a group apart.

The number of groups per part follows the ratios by largest remainder, with at least one group in each part. Which
groups: of `CANDIDATES` shuffles the one whose parts come nearest to the ratios in characters and in spans of every
label. The shuffles depend on the seed and on the group names alone, not on the order of the documents.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spanwright.document import Document
from spanwright.errors import DataError
from spanwright.tally import Tally

PARTS = ("train", "validation", "test")
CANDIDATES = 500


@dataclass(frozen=True)
class Split:
    """The three parts, and how they came about.

    Attributes:
        parts: documents by part, each in the order in which they came.
        ratios: the shares that were asked for.
        seed: of the shuffles.
        tally: one record per document.
    """

    parts: Mapping[str, Sequence[Document]]
    ratios: Mapping[str, float]
    seed: int
    tally: Tally

    def to_dict(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """`split.json`; `source` says from which file the documents came."""
        return {
            "schema": 1,
            "input": dict(source),
            "ratios": dict(self.ratios),
            "seed": self.seed,
            "groups": {part: sorted({d.group for d in documents}) for part, documents in self.parts.items()},
            "documents": {part: len(documents) for part, documents in self.parts.items()},
            "labels": {part: dict(sorted(_labels(documents).items())) for part, documents in self.parts.items()},
        }


def _labels(documents: Sequence[Document]) -> Counter[str]:
    return Counter(span.label for document in documents for span in document.spans or ())


def split_documents(documents: Sequence[Document], ratios: Mapping[str, float], seed: int) -> Split:
    """Split by group.

    Args:
        documents: labelled; unlabelled ones are dropped and tallied.
        ratios: the share of groups per part, for `train`, `validation` and `test`.
        seed: another seed, another split.

    Raises:
        DataError: fewer than three groups.
    """
    tally = Tally("split", "document")
    labelled = []
    for document in documents:
        if document.spans is None:
            tally.drop("unlabelled", document.id)
        else:
            tally.use()
            labelled.append(document)
    groups = sorted({document.group for document in labelled}, key=lambda group: _draw(group, seed))
    if len(groups) < len(PARTS):
        raise DataError(
            f"A split into {', '.join(PARTS)} needs at least three groups, but the documents have {len(groups)}.",
            remedy="A group is what may not be torn apart, such as an article. Name another key with --group-key, "
            "or label more articles.",
        )
    part_of = _assign(groups, labelled, _sizes(len(groups), ratios), ratios, seed)
    parts = {part: [d for d in labelled if part_of[d.group] == part] for part in PARTS}
    return Split(parts, dict(ratios), seed, tally)


def _draw(group: str, seed: int) -> bytes:
    """A number that looks random and depends on the seed and the name only."""
    return hashlib.sha256(f"{seed}\0{group}".encode()).digest()


def _sizes(groups: int, ratios: Mapping[str, float]) -> list[int]:
    """Groups per part by largest remainder, at least one each; `groups` must be three or more."""
    exact = [groups * ratios[part] for part in PARTS]
    sizes = [max(1, int(share)) for share in exact]
    while sum(sizes) < groups:
        sizes[max(range(len(PARTS)), key=lambda part: exact[part] - sizes[part])] += 1
    while sum(sizes) > groups:
        movable = [part for part in range(len(PARTS)) if sizes[part] > 1]
        sizes[min(movable, key=lambda part: exact[part] - sizes[part])] -= 1
    return sizes


def _assign(
    groups: Sequence[str],
    documents: Sequence[Document],
    sizes: Sequence[int],
    ratios: Mapping[str, float],
    seed: int,
) -> dict[str, str]:
    """The part of each group, from the candidate shuffle nearest to the wanted shares."""
    weights = _weights(groups, documents)
    wanted = np.array([[ratios[part]] for part in PARTS])
    edges = np.cumsum([0, *sizes[:-1]])
    generator = np.random.default_rng(int.from_bytes(_draw("shuffles", seed)[:8], "big"))
    best, best_distance = np.arange(len(groups)), np.inf
    for _ in range(CANDIDATES):
        order = generator.permutation(len(groups))
        shares = np.add.reduceat(weights[order], edges, axis=0)
        distance = float(np.abs(shares - wanted).sum())
        if distance < best_distance:
            best, best_distance = order, distance
    names = np.repeat(PARTS, sizes)
    return {groups[int(index)]: str(names[place]) for place, index in enumerate(best)}


def _weights(groups: Sequence[str], documents: Sequence[Document]) -> np.ndarray[Any, Any]:
    """Per group its share of all characters and of the spans of each label, shape (groups, 1 + labels)."""
    row = {group: index for index, group in enumerate(groups)}
    column = {label: index for index, label in enumerate(sorted(_labels(documents)), start=1)}
    counts = np.zeros((len(groups), 1 + len(column)))
    for document in documents:
        counts[row[document.group], 0] += len(document.text)
        for span in document.spans or ():
            counts[row[document.group], column[span.label]] += 1
    shares: np.ndarray[Any, Any] = counts / np.maximum(counts.sum(axis=0), 1)
    return shares
