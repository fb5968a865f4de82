"""What is counted: worked examples by hand, edge cases, and the token view against a loop over characters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.document import Document, Span
from spanwright.scoring.counts import rates, strict_counts, token_counts

SENTENCE = "Alnus glutinosa grew near Lake Onega."
GOLD = (Span(0, 15, "TAXA"), Span(26, 36, "SITE"))
PREDICTED = (Span(0, 5, "TAXA"), Span(26, 36, "SITE"))
LABELS = ("SITE", "TAXA")


def strict(gold: list[Span], predicted: list[Span], labels: tuple[str, ...] = ("A", "B")) -> list[list[int]]:
    return strict_counts(gold, predicted, labels).tolist()


def token(text: str, gold: list[Span], predicted: list[Span]) -> tuple[list[list[int]], list[int]]:
    counts, words = token_counts(Document("1", text, tuple(gold)), predicted, ("A", "B"))
    return counts.tolist(), words.tolist()


def test_the_sentence_of_the_docstring_in_strict_mode() -> None:
    counts = strict_counts(GOLD, PREDICTED, LABELS)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert rates(counts.sum(axis=0))[2] == pytest.approx(1 / 2)


def test_the_sentence_of_the_docstring_in_token_mode() -> None:
    document = Document("1", SENTENCE, GOLD)
    assert [document.surface(span) for span in GOLD] == ["Alnus glutinosa", "Lake Onega"]
    counts, words = token_counts(document, PREDICTED, LABELS)
    assert counts.tolist() == [[2, 0, 0], [1, 0, 1]]
    assert rates(counts.sum(axis=0))[2] == pytest.approx(6 / 7)
    assert words.tolist() == [5, 6]


def test_nothing_predicted_is_missed_and_nothing_gold_is_false() -> None:
    spans = [Span(0, 3, "A"), Span(4, 7, "B")]
    assert strict(spans, []) == [[0, 0, 1], [0, 0, 1]]
    assert strict([], spans) == [[0, 1, 0], [0, 1, 0]]
    assert strict([], []) == [[0, 0, 0], [0, 0, 0]]
    assert token("one two three", spans, []) == ([[0, 0, 1], [0, 0, 1]], [1, 3])
    assert token("one two three", [], spans) == ([[0, 1, 0], [0, 1, 0]], [1, 3])


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_document_without_words_counts_nothing(text: str) -> None:
    assert token(text, [], []) == ([[0, 0, 0], [0, 0, 0]], [0, 0])


def test_no_labels_at_all_give_empty_counts() -> None:
    assert strict_counts([], [], ()).shape == (0, 3)
    counts, words = token_counts(Document("1", "two words", ()), [], ())
    assert counts.shape == (0, 3)
    assert words.tolist() == [2, 2]


@pytest.mark.parametrize("guess", [Span(1, 4, "A"), Span(0, 3, "A"), Span(0, 5, "A"), Span(0, 4, "B"), Span(4, 8, "A")])
def test_one_wrong_edge_or_label_is_a_false_positive_and_a_false_negative(guess: Span) -> None:
    counts = np.array(strict([Span(0, 4, "A")], [guess]))
    assert counts.sum(axis=0).tolist() == [0, 1, 1]


def test_a_score_takes_no_part_in_the_match() -> None:
    assert strict([Span(0, 4, "A")], [Span(0, 4, "A", 0.3)]) == [[1, 0, 0], [0, 0, 0]]


def test_overlapping_and_nested_spans_each_count() -> None:
    gold = [Span(0, 10, "A"), Span(2, 5, "A"), Span(4, 12, "B")]
    assert strict(gold, [Span(2, 5, "A"), Span(4, 12, "B"), Span(0, 9, "A")]) == [[1, 1, 1], [1, 0, 0]]


def test_equal_spans_need_as_many_equal_predictions() -> None:
    twice, once = [Span(0, 4, "A")] * 2, [Span(0, 4, "A")]
    assert strict(twice, once) == [[1, 0, 1], [0, 0, 0]]
    assert strict(once, twice) == [[1, 1, 0], [0, 0, 0]]
    assert strict(twice, twice) == [[2, 0, 0], [0, 0, 0]]


def test_the_token_view_counts_a_word_once_however_many_spans_of_a_label_touch_it() -> None:
    gold = [Span(0, 2, "A"), Span(2, 4, "A"), Span(0, 4, "A")]
    assert token("word", gold, [Span(1, 2, "A")]) == ([[1, 0, 0], [0, 0, 0]], [1, 1])


def test_a_word_may_carry_several_labels_and_is_equal_only_when_all_of_them_are() -> None:
    assert token("word", [Span(0, 4, "A"), Span(0, 4, "B")], [Span(0, 4, "A")]) == ([[1, 0, 0], [0, 0, 1]], [0, 1])


def test_touching_one_character_of_a_word_is_enough_and_its_edge_is_not() -> None:
    text = "one two three"
    assert token(text, [], [Span(2, 5, "A")])[0][0] == [0, 2, 0]
    assert token(text, [], [Span(3, 4, "A")])[0][0] == [0, 0, 0]
    assert token(text, [], [Span(3, 8, "A")])[0][0] == [0, 1, 0]
    assert token(text, [], [Span(7, 13, "A")])[0][0] == [0, 1, 0]


def test_words_are_cut_at_unicode_white_space_and_counted_in_code_points() -> None:
    text = "😀\u00a0𝐁𝐨\u2003c\u200bd"
    assert token(text, [Span(0, 1, "A")], [Span(2, 4, "A")]) == ([[0, 1, 1], [0, 0, 0]], [1, 3])


def words_of(text: str) -> list[set[int]]:
    """The positions of each word's characters, by a loop."""
    words: list[set[int]] = []
    inside = False
    for place, character in enumerate(text):
        if not character.isspace():
            if not inside:
                words.append(set())
            words[-1].add(place)
        inside = not character.isspace()
    return words


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[Span], list[Span]]:
    text = draw(st.text(alphabet="ab. \n\u00a0😀", min_size=1, max_size=25))
    places = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text)), st.sampled_from("AB"))
    spans = places.filter(lambda place: place[0] < place[1]).map(lambda place: Span(*place))
    return text, draw(st.lists(spans, max_size=5)), draw(st.lists(spans, max_size=5))


@settings(deadline=None, max_examples=150)
@given(cases())
def test_the_token_view_equals_a_loop_over_words_and_characters(case: tuple[str, list[Span], list[Span]]) -> None:
    text, gold, predicted = case
    expected = {label: [0, 0, 0] for label in "AB"}
    equal = 0
    for word in words_of(text):
        sets = [
            {span.label for span in spans if word & set(range(span.start, span.end))} for spans in (gold, predicted)
        ]
        equal += sets[0] == sets[1]
        for label in "AB":
            expected[label][0] += label in sets[0] & sets[1]
            expected[label][1] += label in sets[1] - sets[0]
            expected[label][2] += label in sets[0] - sets[1]
    assert token(text, gold, predicted) == ([expected["A"], expected["B"]], [equal, len(words_of(text))])


@settings(deadline=None, max_examples=150)
@given(cases())
def test_strict_counts_equal_crossing_off_one_gold_span_per_prediction(
    case: tuple[str, list[Span], list[Span]],
) -> None:
    _, gold, predicted = case
    left = [(span.start, span.end, span.label) for span in gold]
    expected = {label: [0, 0, 0] for label in "AB"}
    for span in predicted:
        if (span.start, span.end, span.label) in left:
            left.remove((span.start, span.end, span.label))
            expected[span.label][0] += 1
        else:
            expected[span.label][1] += 1
    for _, _, label in left:
        expected[label][2] += 1
    assert strict(gold, predicted) == [expected["A"], expected["B"]]


@settings(deadline=None, max_examples=100)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_spans_means_nothing(case: tuple[str, list[Span], list[Span]], random: object) -> None:
    text, gold, predicted = case
    mixed_gold, mixed = list(gold), list(predicted)
    random.shuffle(mixed_gold)  # type: ignore[attr-defined]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert strict(mixed_gold, mixed) == strict(gold, predicted)
    assert token(text, mixed_gold, mixed) == token(text, gold, predicted)


def test_rates_by_hand() -> None:
    precision, recall, f1 = rates(np.array([[3, 1, 2], [0, 0, 0], [0, 2, 0], [0, 0, 2], [5, 0, 0]]))
    assert precision.tolist() == pytest.approx([3 / 4, 0, 0, 0, 1])
    assert recall.tolist() == pytest.approx([3 / 5, 0, 0, 0, 1])
    assert f1.tolist() == pytest.approx([6 / 9, 0, 0, 0, 1])


def test_only_zero_divided_by_zero_gets_the_undefined_value() -> None:
    precision, recall, f1 = rates(np.array([[0, 0, 0], [0, 2, 0], [0, 0, 2]]), undefined=-1.0)
    assert precision.tolist() == [-1, 0, -1]
    assert recall.tolist() == [-1, -1, 0]
    assert f1.tolist() == [-1, 0, 0]


def test_rates_keep_the_leading_shape() -> None:
    assert [rate.shape for rate in rates(np.ones((4, 2, 3), dtype=np.int64))] == [(4, 2)] * 3
