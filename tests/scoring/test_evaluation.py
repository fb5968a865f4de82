"""`Evaluation`: averages by hand, intervals, the schema of evaluation.json, signature and hash, refusals."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.document import Document, Span
from spanwright.errors import DataError
from spanwright.scoring import Evaluation, evaluate_documents
from spanwright.scoring.evaluation import data_sha256

MODES = ("strict", "token")
TEXT = "aaa bbb ccc ddd eee fff ggg hhh"
SCORE_KEYS = {"precision", "recall", "f1", "precision_ci95", "recall_ci95", "f1_ci95", "support"}
COUNT_KEYS = {"true_positives", "false_positives", "false_negatives"}


def word(number: int, label: str) -> Span:
    return Span(4 * number, 4 * number + 3, label)


def document(name: str, *spans: Span, group: str = "", text: str = TEXT) -> Document:
    return Document(name, text, spans, group)


def evaluate(*pairs: tuple[list[Span], list[Span]], groups: str = "", **options: Any) -> Evaluation:
    """Gold and predicted spans, one pair a document."""
    names = [str(number) for number in range(len(pairs))]
    gold = [
        document(name, *pair[0], group=groups[index : index + 1])
        for index, (name, pair) in enumerate(zip(names, pairs, strict=True))
    ]
    predicted = [document(name, *pair[1]) for name, pair in zip(names, pairs, strict=True)]
    return evaluate_documents(gold, predicted, **{"resamples": 200} | options)


# A: 1 right, 1 spurious. B: 2 right, 1 missed.
WORKED = (
    [word(0, "A"), word(2, "B"), word(3, "B"), word(4, "B")],
    [word(0, "A"), word(1, "A"), word(2, "B"), word(3, "B")],
)


def test_overall_scores_come_from_the_summed_counts() -> None:
    overall = evaluate(WORKED).overall("strict")
    assert {key: overall[key] for key in COUNT_KEYS} == {
        "true_positives": 3,
        "false_positives": 1,
        "false_negatives": 1,
    }
    assert (overall["precision"], overall["recall"], overall["f1"]) == pytest.approx((0.75, 0.75, 0.75))
    assert overall["support"] == 4


def test_each_label_has_its_own_scores() -> None:
    evaluation = evaluate(WORKED)
    a, b = evaluation.label("strict", "A"), evaluation.label("strict", "B")
    assert (a["precision"], a["recall"], a["f1"], a["support"]) == pytest.approx((1 / 2, 1, 2 / 3, 1))
    assert (b["precision"], b["recall"], b["f1"], b["support"]) == pytest.approx((1, 2 / 3, 4 / 5, 3))


def test_macro_is_the_plain_mean_over_labels() -> None:
    macro = evaluate(WORKED).average("strict", weighted=False)
    assert (macro["precision"], macro["recall"], macro["f1"]) == pytest.approx((0.75, 5 / 6, 11 / 15))
    assert macro["support"] == 4


def test_weighted_is_the_mean_by_gold_spans() -> None:
    weighted = evaluate(WORKED).average("strict", weighted=True)
    assert (weighted["precision"], weighted["recall"], weighted["f1"]) == pytest.approx(
        (0.875, 0.75, (2 / 3 + 2.4) / 4)
    )
    assert weighted["support"] == 4


def test_a_label_that_is_only_predicted_counts_in_macro_with_zero_and_in_weighted_with_no_weight() -> None:
    evaluation = evaluate(([word(0, "A")], [word(0, "A"), word(1, "NEW")]))
    assert evaluation.labels == ("A", "NEW")
    assert evaluation.label("strict", "NEW")["support"] == 0
    assert evaluation.label("strict", "NEW")["recall_ci95"] is None
    assert evaluation.average("strict", weighted=False)["f1"] == pytest.approx(0.5)
    assert evaluation.average("strict", weighted=True)["f1"] == pytest.approx(1.0)


def test_micro_is_not_the_mean_over_documents() -> None:
    evaluation = evaluate(
        ([word(0, "A")], [word(0, "A")]), ([word(0, "A"), word(1, "A"), word(2, "A")], [word(3, "A")])
    )
    assert evaluation.f1() == pytest.approx(2 / 6)


def test_the_token_mode_has_its_support_in_words_and_an_accuracy() -> None:
    evaluation = evaluate(([Span(0, 7, "A")], [Span(0, 3, "A")]))
    token = evaluation.overall("token")
    assert (token["true_positives"], token["false_positives"], token["false_negatives"]) == (1, 0, 1)
    assert token["support"] == 2
    assert token["accuracy"] == pytest.approx(7 / 8)
    assert "accuracy" not in evaluation.overall("strict")
    assert evaluation.f1("token") == pytest.approx(2 / 3)


def test_gold_and_predictions_without_spans_score_zero_with_an_unknown_interval() -> None:
    evaluation = evaluate(([], []), ([], []))
    for mode in MODES:
        overall = evaluation.overall(mode)
        assert (overall["precision"], overall["recall"], overall["f1"], overall["support"]) == (0, 0, 0, 0)
        assert overall["precision_ci95"] is overall["recall_ci95"] is overall["f1_ci95"] is None
    assert evaluation.overall("token")["accuracy"] == 1.0
    assert evaluation.to_dict()["by_label"] == {}
    assert evaluation.average("strict", weighted=True)["f1"] == 0.0


def test_documents_without_words_have_accuracy_zero() -> None:
    evaluation = evaluate_documents([document("1", text="")], [document("1", text="")], resamples=10)
    assert evaluation.overall("token")["accuracy"] == 0.0


def test_nothing_predicted_and_no_gold() -> None:
    missed = evaluate(([word(0, "A")], [])).overall("strict")
    assert (missed["precision"], missed["recall"], missed["f1"]) == (0, 0, 0)
    assert missed["precision_ci95"] is None
    assert missed["recall_ci95"] == [0, 0]
    spurious = evaluate(([], [word(0, "A")])).overall("strict")
    assert spurious["recall_ci95"] is None
    assert spurious["precision_ci95"] == [0, 0]


def test_predictions_may_come_in_any_order_and_the_groups_of_gold_count() -> None:
    gold = [document("a", word(0, "A"), group="g"), document("b", word(1, "A"), group="g")]
    predicted = [document("b", word(1, "A"), group="x"), document("a", word(0, "A"), group="y")]
    evaluation = evaluate_documents(gold, predicted, resamples=10)
    assert evaluation.ids == ("a", "b")
    assert evaluation.groups == ("g", "g")
    assert evaluation.f1() == 1.0


# Intervals


def test_one_group_has_intervals_of_no_width() -> None:
    overall = evaluate(WORKED, ([], [word(0, "A")]), groups="gg").overall("strict")
    assert overall["precision_ci95"] == pytest.approx([0.6, 0.6])
    assert overall["recall_ci95"] == pytest.approx([0.75, 0.75])


def test_resamples_in_which_a_rate_is_undefined_do_not_enter_its_interval() -> None:
    overall = evaluate(([word(0, "A")], [word(0, "A")]), ([word(0, "A")], [])).overall("strict")
    assert overall["precision_ci95"] == [1, 1]
    assert overall["recall_ci95"] == [0, 1]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_other_intervals() -> None:
    pairs = [([word(0, "A")] * (1 + n % 3), [word(0, "A")] * (n % 5) + [word(1, "A")] * (n % 2)) for n in range(11)]
    first, again, other = (evaluate(*pairs, seed=seed, resamples=100).to_dict() for seed in (0, 0, 1))
    assert first == again
    assert first["overall"]["strict"]["f1"] == other["overall"]["strict"]["f1"]
    assert first["overall"]["strict"]["f1_ci95"] != other["overall"]["strict"]["f1_ci95"]


def test_the_order_of_documents_moves_no_number() -> None:
    gold = [document(str(n), *[word(i, "A") for i in range(n % 4)], group=f"g{n % 3}") for n in range(9)]
    predicted = [document(str(n), *[word(i, "A") for i in range(n % 3)]) for n in range(9)]
    forward = evaluate_documents(gold, predicted, resamples=50).to_dict()
    backward = evaluate_documents(gold[::-1], predicted, resamples=50).to_dict()
    assert forward.pop("by_document") == backward.pop("by_document")[::-1]
    assert forward == backward


def test_the_intervals_of_micro_and_of_a_label_are_those_of_resamples_counted_again() -> None:
    random = np.random.default_rng(7)
    pairs = []
    for _ in range(9):
        gold = [word(number, str(random.choice(["A", "B"]))) for number in range(8) if random.random() < 0.6]
        kept = {span for span in gold if random.random() < 0.7}
        predicted = sorted(kept | {word(int(random.integers(8)), "B")})
        pairs.append((gold, predicted))
    groups = "aabbbccdd"
    evaluation = evaluate(*pairs, groups=groups, resamples=200, seed=4)
    draws = np.random.default_rng(4).multinomial(4, [0.25] * 4, size=200)
    micro, label = [], []
    for draw in draws:
        again = [pair for pair, group in zip(pairs, groups, strict=True) for _ in range(draw["abcd".index(group)])]
        tp = fp = fn = tp_a = fn_a = 0
        for gold, predicted in again:
            tp += sum(span in gold for span in predicted)
            fp += sum(span not in gold for span in predicted)
            fn += sum(span not in predicted for span in gold)
            tp_a += sum(span in predicted for span in gold if span.label == "A")
            fn_a += sum(span not in predicted for span in gold if span.label == "A")
        micro.append(2 * tp / (2 * tp + fp + fn))
        if tp_a + fn_a:
            label.append(tp_a / (tp_a + fn_a))
    assert evaluation.overall("strict")["f1_ci95"] == pytest.approx(np.percentile(micro, [2.5, 97.5]).tolist())
    assert evaluation.label("strict", "A")["recall_ci95"] == pytest.approx(np.percentile(label, [2.5, 97.5]).tolist())


@pytest.mark.parametrize("weighted", [False, True])
def test_perfect_predictions_have_the_interval_one_to_one_in_every_average(weighted: bool) -> None:
    pairs = [([word(0, "A")], [word(0, "A")])] * 3 + [([word(1, "B")], [word(1, "B")])]
    average = evaluate(*pairs).average("strict", weighted=weighted)
    assert average["f1"] == 1.0
    assert average["f1_ci95"] == [1.0, 1.0]


def test_the_interval_of_weighted_recall_is_that_of_micro_recall_to_which_it_is_equal() -> None:
    pairs = [
        ([word(0, "A"), word(1, "A")], [word(0, "A"), word(1, "A")]),
        ([word(0, "A"), word(1, "B")], [word(0, "A")]),
        ([word(0, "B"), word(1, "B"), word(2, "A")], [word(0, "B"), word(2, "A")]),
        ([word(0, "A"), word(1, "B")], [word(1, "B")]),
    ]
    evaluation = evaluate(*pairs)
    micro, weighted = evaluation.overall("strict"), evaluation.average("strict", weighted=True)
    assert weighted["recall"] == pytest.approx(micro["recall"])
    assert weighted["recall_ci95"] == pytest.approx(micro["recall_ci95"])


# Properties


@st.composite
def pairs(draw: st.DrawFn) -> list[tuple[list[Span], list[Span]]]:
    places = st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, len(TEXT)), st.sampled_from("ABC"))
    spans = places.filter(lambda place: place[0] < place[1]).map(lambda place: Span(*place))
    one = st.lists(spans, max_size=4)
    return draw(
        st.lists(
            st.tuples(one, one | st.lists(st.builds(word, st.integers(0, 7), st.just("A")), max_size=3)),
            min_size=1,
            max_size=4,
        )
    )


@settings(deadline=None, max_examples=40)
@given(pairs(), st.randoms(use_true_random=False))
def test_shuffling_spans_and_documents_changes_nothing(drawn: list[tuple[list[Span], list[Span]]], random: Any) -> None:
    gold = [document(str(number), *pair[0]) for number, pair in enumerate(drawn)]
    predicted = [document(str(number), *pair[1]) for number, pair in enumerate(drawn)]
    mixed = [document(d.id, *random.sample(d.spans, len(d.spans or ()))) for d in predicted]
    mixed_gold = [document(d.id, *random.sample(d.spans, len(d.spans or ()))) for d in gold]
    random.shuffle(mixed)
    plain = evaluate_documents(gold, predicted, resamples=20).to_dict()
    assert evaluate_documents(mixed_gold, mixed, resamples=20).to_dict() == plain


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_gold_against_itself_is_perfect_in_both_modes(drawn: list[tuple[list[Span], list[Span]]]) -> None:
    evaluation = evaluate(*[(gold, gold) for gold, _ in drawn], resamples=20)
    some = any(gold for gold, _ in drawn)
    for mode in MODES:
        overall = evaluation.overall(mode)
        assert overall["false_positives"] == overall["false_negatives"] == 0
        if some and overall["support"]:
            assert (overall["precision"], overall["recall"], overall["f1"]) == (1, 1, 1)
            assert overall["f1_ci95"] == [1, 1]
    assert evaluation.overall("token")["accuracy"] == 1.0


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_swapping_gold_and_predictions_swaps_precision_and_recall(
    drawn: list[tuple[list[Span], list[Span]]],
) -> None:
    there = evaluate(*drawn, resamples=20)
    back = evaluate(*[(predicted, gold) for gold, predicted in drawn], resamples=20)
    for mode in MODES:
        for one, other in [(there.overall(mode), back.overall(mode))] + [
            (there.label(mode, label), back.label(mode, label)) for label in there.labels
        ]:
            assert (one["precision"], one["recall"], one["f1"]) == (other["recall"], other["precision"], other["f1"])
            assert one["precision_ci95"] == other["recall_ci95"]
            assert one["f1_ci95"] == other["f1_ci95"]
            assert one["false_positives"] == other["false_negatives"]
    assert there.overall("token")["accuracy"] == back.overall("token")["accuracy"]


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_counts_of_labels_and_of_documents_add_up_to_the_micro_counts(
    drawn: list[tuple[list[Span], list[Span]]],
) -> None:
    data = evaluate(*drawn, resamples=20).to_dict()
    for mode in MODES:
        for key in COUNT_KEYS:
            total = data["overall"][mode][key]
            assert sum(scores[mode][key] for scores in data["by_label"].values()) == total
            assert sum(row[mode][key] for row in data["by_document"]) == total
    assert data["gold_spans"] == sum(len(gold) for gold, _ in drawn)
    assert data["predicted_spans"] == sum(len(predicted) for _, predicted in drawn)


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_every_rate_and_interval_lies_in_zero_to_one(drawn: list[tuple[list[Span], list[Span]]]) -> None:
    data = evaluate(*drawn, resamples=20).to_dict()
    scores = [data[part][mode] for part in ("overall", "macro", "weighted") for mode in MODES]
    scores += [by_mode[mode] for by_mode in data["by_label"].values() for mode in MODES]
    for score in scores:
        for rate in ("precision", "recall", "f1"):
            assert 0 <= score[rate] <= 1
            low, high = score[f"{rate}_ci95"] or (0, 1)
            assert -1e-12 <= low <= high <= 1 + 1e-12


# evaluation.json


def test_the_file_has_the_keys_of_the_design() -> None:
    data = evaluate(WORKED, ([], [])).to_dict()
    assert data["schema"] == 1
    assert {"signature", "data_sha256", "documents", "groups", "gold_spans", "predicted_spans"} <= set(data)
    assert {"overall", "macro", "weighted", "by_label", "by_document"} <= set(data)
    for part in ("overall", "macro", "weighted"):
        assert set(MODES) <= set(data[part])
    for mode in MODES:
        extra = {"accuracy"} if mode == "token" else set()
        assert set(data["overall"][mode]) == SCORE_KEYS | COUNT_KEYS | extra
        assert set(data["macro"][mode]) == set(data["weighted"][mode]) == SCORE_KEYS
        assert set(data["by_label"]["A"][mode]) == SCORE_KEYS | COUNT_KEYS
    assert list(data["by_label"]) == ["A", "B"]


def test_the_file_counts_documents_groups_and_spans() -> None:
    data = evaluate(WORKED, ([], [word(0, "A")]), ([], []), groups="xxy").to_dict()
    assert (data["documents"], data["groups"], data["gold_spans"], data["predicted_spans"]) == (3, 2, 4, 5)
    assert data["by_document"][1] == {
        "id": "1",
        "group": "x",
        "strict": {"true_positives": 0, "false_positives": 1, "false_negatives": 0},
        "token": {"true_positives": 0, "false_positives": 1, "false_negatives": 0},
    }


def test_the_file_is_plain_json_without_nan() -> None:
    data = evaluate(WORKED, ([], [])).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert math.isfinite(data["overall"]["strict"]["f1"])


# Signature and hash


def test_the_signature_names_the_conventions_the_version_the_bootstrap_and_the_data() -> None:
    evaluation = evaluate(WORKED, version="1.2.3", resamples=300, seed=9)
    assert evaluation.signature == (
        "spanwright:1.2.3|unit:code-points|average:micro|modes:strict+token|zero:0|"
        f"ci:bootstrap-groups-300-seed-9|data:{evaluation.data_sha256[:16]}"
    )
    assert evaluation.to_dict()["signature"] == evaluation.signature


def test_predictions_do_not_change_the_signature() -> None:
    assert evaluate((WORKED[0], [])).signature == evaluate(WORKED).signature


def test_the_data_hash_does_not_depend_on_the_order_of_documents_or_spans() -> None:
    first, second = document("1", word(0, "A"), word(1, "B")), document("2", word(0, "A"))
    other = document("1", word(1, "B"), word(0, "A"))
    assert data_sha256([first, second]) == data_sha256([second, other])
    assert len(data_sha256([first])) == 64


@pytest.mark.parametrize(
    "other",
    [
        Document("1", "Alnus grew!", (Span(0, 5, "A"),), "g"),
        Document("1", "Alnus grew.", (Span(0, 4, "A"),), "g"),
        Document("1", "Alnus grew.", (Span(0, 5, "B"),), "g"),
        Document("1", "Alnus grew.", (), "g"),
        Document("1", "Alnus grew.", (Span(0, 5, "A"),), "h"),
        Document("2", "Alnus grew.", (Span(0, 5, "A"),), "g"),
    ],
)
def test_the_data_hash_changes_with_text_span_label_group_and_id(other: Document) -> None:
    assert data_sha256([other]) != data_sha256([Document("1", "Alnus grew.", (Span(0, 5, "A"),), "g")])


def test_the_data_hash_does_not_change_with_meta_and_scores() -> None:
    plain = Document("1", "Alnus", (Span(0, 5, "A"),))
    assert data_sha256([plain]) == data_sha256([Document("1", "Alnus", (Span(0, 5, "A", 0.5),), meta={"k": 1})])


# Refusals


def test_all_the_ways_in_which_gold_and_predictions_do_not_belong_together_are_told_at_once() -> None:
    gold = [
        Document("unlabelled", TEXT, None),
        document("forgotten"),
        document("changed"),
        document("unpredicted"),
        document("fine"),
    ]
    predicted = [
        document("fine"),
        Document("unpredicted", TEXT, None),
        document("changed", text=TEXT + "!"),
        document("unlabelled"),
        document("stranger"),
    ]
    with pytest.raises(DataError, match="Predict on the very documents") as error:
        evaluate_documents(gold, predicted)
    assert [problem.what for problem in error.value.problems] == [
        "Document unlabelled has no gold spans (null); nobody labelled it.",
        "Document forgotten has no prediction.",
        "Document changed has another text in the predictions.",
        "Document unpredicted was not predicted (spans are null).",
        "Document stranger is not among the gold documents.",
    ]
    assert "do not belong together" in str(error.value)


def test_no_document_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="no document to score"):
        evaluate_documents([], [document("1")])


@pytest.mark.parametrize("side", ["gold", "predicted"])
def test_an_id_that_occurs_twice_is_refused_as_one_of_the_two_would_be_lost(side: str) -> None:
    once, twice = [document("1", word(0, "A"))], [document("1", word(0, "A")), document("1", word(1, "A"))]
    with pytest.raises(DataError):
        evaluate_documents(*((twice, once) if side == "gold" else (once, twice)), resamples=10)
