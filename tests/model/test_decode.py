"""Constrained decoding against brute force over every path that the lattice allows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.document import Span
from spanwright.labels import LabelSet, runs_of
from spanwright.model.decode import Scored, decode

LABELS = LabelSet(("A", "B"))
TAGS = len(LABELS.tags)


def random_scores(tokens: int, seed: int, spread: float = 2.0) -> np.ndarray:
    """Log-probabilities of random logits."""
    logits = np.random.default_rng(seed).normal(0, spread, (tokens, TAGS))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def allowed(path: tuple[int, ...], glued: list[bool], empty: list[bool]) -> bool:
    """The rules of the module docstring, said once more in another way."""
    for token, tag in enumerate(path):
        before = path[token - 1] if token else 0
        inside = tag > 0 and tag % 2 == 0
        if inside and before not in (tag - 1, tag):
            return False
        if tag % 2 == 1 and (glued[token] or empty[token]):
            return False
        if token and glued[token] and not inside and before != 0:
            return False
    return not (path[0] > 0 and path[0] % 2 == 0)


def spans_of_path(path: tuple[int, ...]) -> set[tuple[int, int, int]]:
    return set(runs_of(path))


def brute_force(scores: np.ndarray, glued: list[bool], empty: list[bool]) -> tuple[tuple[int, ...], dict]:
    """The best path, and the probability of every span by summing over paths."""
    paths = [p for p in itertools.product(range(TAGS), repeat=len(scores)) if allowed(p, glued, empty)]
    weights = np.array([sum(scores[token, tag] for token, tag in enumerate(path)) for path in paths])
    probabilities = np.exp(weights - weights.max())
    probabilities /= probabilities.sum()
    marginals: dict[tuple[int, int, int], float] = {}
    for path, probability in zip(paths, probabilities, strict=True):
        for span in spans_of_path(path):
            marginals[span] = marginals.get(span, 0.0) + float(probability)
    return paths[int(weights.argmax())], marginals


@given(seed=st.integers(0, 10_000), tokens=st.integers(1, 5), data=st.data())
@settings(deadline=None, max_examples=120)
def test_the_best_path_and_span_probabilities_are_those_of_brute_force(
    seed: int, tokens: int, data: st.DataObject
) -> None:
    flags = st.lists(st.booleans(), min_size=tokens, max_size=tokens)
    glued = [token > 0 and flag for token, flag in enumerate(data.draw(flags))]
    empty = data.draw(flags)
    scores = random_scores(tokens, seed)
    offsets = [(3 * token, 3 * token + 2) for token in range(tokens)]
    path, marginals = brute_force(scores, glued, empty)
    [spans] = decode([Scored(offsets, scores, np.array(glued), np.array(empty))], LABELS)
    expected = {
        Span(3 * first, 3 * last + 2, LABELS.names[label]): marginals[first, last, label]
        for first, last, label in spans_of_path(path)
    }
    assert set(spans) == set(expected)
    for span in spans:
        assert span.score == pytest.approx(expected[span], abs=1e-9)


def test_documents_decoded_together_give_what_each_gives_alone() -> None:
    documents = [
        Scored([(i, i + 1) for i in range(n)], random_scores(n, seed), np.zeros(n, bool), np.zeros(n, bool))
        for seed, n in enumerate([7, 1, 0, 30, 12])
    ]
    together = decode(documents, LABELS)
    for document, spans in zip(documents, together, strict=True):
        [alone] = decode([document], LABELS)
        assert spans == alone
        assert [s.score for s in spans] == pytest.approx([s.score for s in alone], abs=1e-9)


def test_a_certain_model_gives_certain_scores_over_a_long_document() -> None:
    tags = ([1, 2, 2, 0] * 2_000)[:-1]
    scores = np.full((len(tags), TAGS), -50.0)
    scores[np.arange(len(tags)), tags] = 0.0
    [spans] = decode(
        [Scored([(i, i + 1) for i in range(len(tags))], scores, np.zeros(len(tags), bool), np.zeros(len(tags), bool))],
        LABELS,
    )
    assert len(spans) == 2_000
    assert all(span.score == pytest.approx(1.0) for span in spans)


def test_an_inside_tag_that_arg_max_would_pick_alone_is_not_allowed() -> None:
    scores = np.log(np.array([[0.6, 0.1, 0.1, 0.1, 0.1], [0.2, 0.3, 0.4, 0.05, 0.05]]))
    [spans] = decode([Scored([(0, 1), (1, 2)], scores, np.zeros(2, bool), np.zeros(2, bool))], LABELS)
    assert spans == (Span(1, 2, "A"),)
