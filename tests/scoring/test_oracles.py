"""The scores against seqeval, scikit-learn's multi-label scores, and an independent count on real pages."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from spanwright.document import Document, Span
from spanwright.formats import read_documents
from spanwright.scoring import Evaluation, evaluate_documents

LABELS = ("PER", "ORG", "LOC")
Tags = list[str]
Sentence = tuple[list[str], Tags, Tags]
"""Words, gold tags, predicted tags."""


@st.composite
def tags(draw: st.DrawFn, length: int) -> Tags:
    """Valid IOB2 tags: an I- only goes on with the label before it."""
    chosen: Tags = []
    for _ in range(length):
        tag = draw(st.sampled_from(["O", "O", "B", "I", "I"]))
        previous = chosen[-1][2:] if chosen and chosen[-1] != "O" else ""
        if tag == "I" and previous:
            chosen.append(f"I-{previous}")
        elif tag == "O":
            chosen.append("O")
        else:
            chosen.append(f"B-{draw(st.sampled_from(LABELS))}")
    return chosen


@st.composite
def sentences(draw: st.DrawFn) -> list[Sentence]:
    """Some sentences whose predictions are partly right; the first one has at least one gold span."""
    made: list[Sentence] = []
    for number in range(draw(st.integers(1, 4))):
        words = draw(st.lists(st.text(alphabet="ab.é😀", min_size=1, max_size=4), min_size=1, max_size=9))
        gold = draw(tags(len(words)))
        if number == 0 and set(gold) == {"O"}:
            gold[0] = "B-PER"
        made.append((words, gold, draw(st.just(gold) | tags(len(words)))))
    return made


def spans_of(words: list[str], tagged: Tags) -> tuple[Span, ...]:
    spans: list[Span] = []
    place = 0
    for one, tag in zip(words, tagged, strict=True):
        if tag[:2] == "B-":
            spans.append(Span(place, place + len(one), tag[2:]))
        elif tag[:2] == "I-":
            spans[-1] = Span(spans[-1].start, place + len(one), tag[2:])
        place += len(one) + 1
    return tuple(spans)


def evaluated(made: list[Sentence]) -> Evaluation:
    gold = [Document(str(n), " ".join(words), spans_of(words, right)) for n, (words, right, _) in enumerate(made)]
    predicted = [Document(str(n), " ".join(words), spans_of(words, guess)) for n, (words, _, guess) in enumerate(made)]
    return evaluate_documents(gold, predicted, resamples=5)


@settings(deadline=None, max_examples=100)
@given(sentences())
def test_strict_micro_scores_equal_seqeval(made: list[Sentence]) -> None:
    gold, predicted = [right for _, right, _ in made], [guess for _, _, guess in made]
    overall = evaluated(made).overall("strict")
    for name, oracle in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        expected = oracle(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)
        assert overall[name] == pytest.approx(expected), name


@settings(deadline=None, max_examples=60)
@given(sentences())
def test_strict_label_macro_and_weighted_scores_equal_seqeval(made: list[Sentence]) -> None:
    gold, predicted = [right for _, right, _ in made], [guess for _, _, guess in made]
    report = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    evaluation = evaluated(made)
    ours = {label: evaluation.label("strict", label) for label in evaluation.labels}
    ours["micro avg"] = evaluation.overall("strict")
    ours["macro avg"] = evaluation.average("strict", weighted=False)
    ours["weighted avg"] = evaluation.average("strict", weighted=True)
    assert set(report) == set(ours)
    for name, expected in report.items():
        assert ours[name]["precision"] == pytest.approx(expected["precision"]), name
        assert ours[name]["recall"] == pytest.approx(expected["recall"]), name
        assert ours[name]["f1"] == pytest.approx(expected["f1-score"]), name
        assert ours[name]["support"] == expected["support"], name


@settings(deadline=None, max_examples=60)
@given(sentences())
def test_token_scores_equal_the_multi_label_scores_of_scikit_learn(made: list[Sentence]) -> None:
    evaluation = evaluated(made)
    gold, predicted = (
        np.array([[tag[2:] == label for label in LABELS] for sentence in made for tag in sentence[side]])
        for side in (1, 2)
    )
    columns = [LABELS.index(label) for label in evaluation.labels]
    for average, ours in (
        ("micro", evaluation.overall("token")),
        ("macro", evaluation.average("token", weighted=False)),
        ("weighted", evaluation.average("token", weighted=True)),
    ):
        expected = precision_recall_fscore_support(gold, predicted, labels=columns, average=average, zero_division=0)[
            :3
        ]
        assert (ours["precision"], ours["recall"], ours["f1"]) == pytest.approx(expected), average
    assert evaluation.overall("token")["accuracy"] == pytest.approx(accuracy_score(gold, predicted))


def perturbed(document: Document, chance: random.Random) -> Document:
    """Some spans lost, moved at an edge, relabelled or doubled, and some invented."""
    spans: list[Span] = []
    for span in document.spans or ():
        fate = chance.random()
        if fate < 0.15:
            continue
        if fate < 0.3 and span.end < len(document.text):
            spans.append(Span(span.start, span.end + 1, span.label))
        elif fate < 0.4:
            spans.append(Span(span.start, span.end, "Person"))
        elif fate < 0.45:
            spans += [span, span]
        else:
            spans.append(span)
    for _ in range(3):
        start = chance.randrange(len(document.text) - 20)
        spans.append(Span(start, start + chance.randrange(1, 20), "Habitat"))
    chance.shuffle(spans)
    return document.with_spans(tuple(spans))


@pytest.fixture(scope="module")
def pages(corpora: Path) -> tuple[list[Document], list[Document]]:
    gold = read_documents(corpora / "copious" / "dev.jsonl")
    chance = random.Random(11)
    predicted = [perturbed(document, chance) for document in gold]
    chance.shuffle(predicted)
    return gold, predicted


@pytest.mark.corpora
def test_real_pages_with_perturbed_spans_give_the_counts_of_an_independent_reader(
    pages: tuple[list[Document], list[Document]],
) -> None:
    gold, predicted = pages
    wanted = Counter((d.id, span.start, span.end, span.label) for d in gold for span in d.spans or ())
    got = Counter((d.id, span.start, span.end, span.label) for d in predicted for span in d.spans or ())
    right = sum(min(times, got[key]) for key, times in wanted.items())
    evaluation = evaluate_documents(gold, predicted, resamples=100)
    overall = evaluation.overall("strict")
    assert (overall["true_positives"], overall["false_positives"], overall["false_negatives"]) == (
        right,
        got.total() - right,
        wanted.total() - right,
    )
    assert wanted.total() == 886
    assert 0.4 < overall["f1"] < 0.9
    assert overall["f1_ci95"][0] < overall["f1"] < overall["f1_ci95"][1]
    for label in evaluation.labels:
        expected = sum(min(times, got[key]) for key, times in wanted.items() if key[3] == label)
        assert evaluation.label("strict", label)["true_positives"] == expected
        assert evaluation.label("strict", label)["support"] == sum(n for key, n in wanted.items() if key[3] == label)


@pytest.mark.corpora
def test_real_pages_in_the_token_view_give_the_counts_of_a_walk_over_words(
    pages: tuple[list[Document], list[Document]],
) -> None:
    gold, predicted = pages
    guesses = {document.id: document for document in predicted}
    counts: Counter[tuple[str, str]] = Counter()
    equal = total = 0
    for document in gold:
        place = 0
        for one in document.text.split():
            start = document.text.index(one, place)
            place = start + len(one)
            here, there = (
                {span.label for span in d.spans or () if span.start < place and start < span.end}
                for d in (document, guesses[document.id])
            )
            equal, total = equal + (here == there), total + 1
            counts.update(("tp", label) for label in here & there)
            counts.update(("fp", label) for label in there - here)
            counts.update(("fn", label) for label in here - there)
    evaluation = evaluate_documents(gold, predicted, resamples=5)
    assert evaluation.overall("token")["accuracy"] == pytest.approx(equal / total)
    for label in evaluation.labels:
        score = evaluation.label("token", label)
        assert (score["true_positives"], score["false_positives"], score["false_negatives"]) == tuple(
            counts[kind, label] for kind in ("tp", "fp", "fn")
        )


@pytest.mark.corpora
def test_the_interval_on_real_pages_is_that_of_documents_drawn_and_scored_again(
    pages: tuple[list[Document], list[Document]],
) -> None:
    gold, predicted = pages
    guesses = {document.id: document for document in predicted}
    in_order = sorted(gold, key=lambda document: document.group)
    draws = np.random.default_rng(2).multinomial(len(gold), [1 / len(gold)] * len(gold), size=40)
    scores = []
    for draw in draws:
        drawn = [document for document, times in zip(in_order, draw, strict=True) for _ in range(times)]
        copies = [Document(str(n), d.text, d.spans) for n, d in enumerate(drawn)]
        answers = [Document(str(n), d.text, guesses[d.id].spans) for n, d in enumerate(drawn)]
        scores.append(evaluate_documents(copies, answers, resamples=1).f1())
    evaluation = evaluate_documents(gold, predicted, resamples=40, seed=2)
    assert evaluation.overall("strict")["f1_ci95"] == pytest.approx(np.percentile(scores, [2.5, 97.5]).tolist())
