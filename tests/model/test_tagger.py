"""Prediction: long documents, any batch composition, foreign checkpoints, texts without tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from spanwright.document import Document
from spanwright.errors import ModelError, PathError
from spanwright.labels import LabelSet
from spanwright.model import tagger as module
from spanwright.model.tagger import Tagger

LABELS = LabelSet(("SITE", "TAXA"))
TEXTS = [line * times for times, line in enumerate([*tiny.LINES, "x y z. ", "Pinus, "], start=1)]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    folder = tiny.checkpoint(tmp_path_factory.mktemp("tagger") / "model", LABELS, seed=6)
    loaded = Tagger.load(folder, device="cpu")
    loaded.length, loaded.stride = 32, 8
    return loaded


def test_the_random_model_predicts_enough_to_compare(tagger: Tagger) -> None:
    spans = [span for document in tagger.predict(TEXTS) for span in document.spans or ()]
    assert len(spans) > 20
    assert {span.label for span in spans} == {"SITE", "TAXA"}
    assert all(span.score is not None and 0 < span.score <= 1 for span in spans)


def test_a_text_alone_and_among_others_gets_the_same_spans(tagger: Tagger) -> None:
    together = tagger.predict(TEXTS * 3, batch_tokens=200)
    for number, text in enumerate(TEXTS):
        [alone] = tagger.predict([text], batch_tokens=4_000)
        assert together[number].spans == alone.spans
        assert [s.score for s in together[number].spans] == pytest.approx([s.score for s in alone.spans], abs=1e-5)


def test_portions_of_a_corpus_do_not_change_the_result(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tagger.predict(TEXTS)
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 10)
    assert [d.spans for d in tagger.predict(TEXTS)] == [d.spans for d in whole]


@pytest.mark.parametrize("text", ["", "   ", "\n\t\r\n", "\u200b"])
def test_a_text_without_words_has_no_spans(tagger: Tagger, text: str) -> None:
    [document] = tagger.predict([text])
    assert document.spans == ()


def test_gold_spans_do_not_leak_and_the_rest_of_a_document_is_kept(tagger: Tagger) -> None:
    document = Document("a7", TEXTS[0], None, "g", {"k": 1})
    [predicted] = tagger.predict([document])
    assert (predicted.id, predicted.text, predicted.group, predicted.meta) == ("a7", TEXTS[0], "g", {"k": 1})
    assert predicted.spans is not None


def test_scores_are_taken_from_the_window_that_sees_most_context(tagger: Tagger) -> None:
    """Each token's stitched scores equal those of its own window run by hand."""
    text = "Pinus sylvestris grew near Lake Onega. " * 12
    [encoded] = module.encode([Document("d", text)], tagger.tokenizer)
    [scored] = tagger._score([encoded], batch_tokens=10_000)
    windows = module.plan_windows(len(encoded), 30, 8)
    assert len(windows) > 3
    for window in windows:
        ids = [*tagger.frame.prefix, *encoded.ids[window.start : window.end].tolist(), *tagger.frame.suffix]
        with torch.inference_mode():
            logits = tagger.model(torch.tensor([ids])).logits[0]
        expected = torch.log_softmax(logits, -1)[
            1 + window.core_start - window.start : 1 + window.core_end - window.start
        ]
        got = scored.scores[window.core_start : window.core_end]
        assert np.allclose(got, expected.numpy(), atol=1e-4)


def test_tags_in_another_order_are_put_in_ours(tmp_path: Path) -> None:
    tokens = tiny.tokenizer("wordpiece")
    model = tiny.model(tokens, LABELS, seed=6)
    before = Tagger(model, tokens, LABELS, length=32, stride=8).predict(TEXTS)
    order = [4, 2, 0, 1, 3]  # position → old tag id
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight[order].clone())
        model.classifier.bias.copy_(model.classifier.bias[order].clone())
    model.config.id2label = {place: LABELS.tags[old] for place, old in enumerate(order)}
    after = Tagger(model, tokens, LABELS, length=32, stride=8).predict(TEXTS)
    assert [d.spans for d in after] == [d.spans for d in before]


def test_a_missing_folder_is_a_path_error(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="model"):
        Tagger.load(tmp_path / "nothing")


def test_the_built_in_encoder_has_not_learned_labels() -> None:
    with pytest.raises(ModelError, match="Train it first"):
        Tagger.load("builtin:minilm")


def test_a_broken_settings_file_beside_the_weights_is_named(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model", LABELS)
    (folder / "spanwright.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not valid JSON"):
        Tagger.load(folder)
