"""Training on a tiny model of the tests' own: it learns, stops cleanly, goes on to the same weights, and says what it did."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import tiny
from spanwright.config import TrainSettings, WindowSettings
from spanwright.document import Document, Span
from spanwright.errors import DataError, Interrupted, SettingsError
from spanwright.labels import LabelSet
from spanwright.model.train import Training, newest_checkpoint, train
from spanwright.progress import Advance, Reporter

WINDOWS = WindowSettings(length=32, stride=8)


def corpus(count: int, label: str = "TAXA") -> list[Document]:
    """Texts in which every `Pinus sylvestris` is labelled."""
    made = []
    for number in range(count):
        text = f"Pollen of Pinus sylvestris was counted near Lake Onega in {2000 + number}. " * 2
        places = [i for i in range(len(text)) if text.startswith("Pinus sylvestris", i)]
        made.append(Document(f"d{number}", text, tuple(Span(i, i + 16, label) for i in places), f"g{number}"))
    return made


class Recorder(Reporter):
    """Keeps what was said, and calls `at_step` when a bar moves."""

    def __init__(self, stop_at: int = 0) -> None:
        self.said: list[str] = []
        self.notes: list[str] = []
        self.stop_at = stop_at

    def say(self, message: str) -> None:
        super().say(message)
        self.said.append(message)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        def advance(done: int, note: str = "") -> None:
            if name == "Training":
                self.notes.append(f"{done}/{total} {note}")
                if done == self.stop_at:
                    os.kill(os.getpid(), signal.SIGINT)

        yield advance


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("encoder") / "model", LabelSet(("OTHER",)), spread=0.05)


def fit(encoder: Path, folder: Path, reporter: Reporter, *, resume: bool = False, **changed: object) -> Training:
    values = {"base_model": str(encoder), "epochs": 3, "batch_tokens": 128, "learning_rate": 5e-3} | changed
    settings = TrainSettings.model_validate(values)
    return train(corpus(12), corpus(3), settings, WINDOWS, folder, resume=resume, reporter=reporter)


def test_it_learns_and_reports_entity_and_token_scores_every_epoch(encoder: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    training = fit(encoder, tmp_path, recorder, epochs=8)
    evaluations = [entry for entry in training.history if "eval_strict_f1" in entry]
    assert len(evaluations) == 8
    assert max(entry["eval_strict_f1"] for entry in evaluations) == 1.0
    epochs = [line for line in recorder.said if line.startswith("Epoch")]
    assert len(epochs) == 8
    assert all("entity P" in line and "token P" in line for line in epochs)
    assert recorder.notes[-1].startswith(f"{training.facts['steps']}/{training.facts['steps']}")
    assert "sub-words/s" in recorder.notes[-1]
    assert training.tally.used == 24


def test_the_model_that_is_kept_is_that_of_the_best_epoch(encoder: Path, tmp_path: Path) -> None:
    from spanwright.scoring import evaluate_documents

    training = fit(encoder, tmp_path, Recorder(), epochs=4)
    best = max(entry["eval_strict_f1"] for entry in training.history if "eval_strict_f1" in entry)
    predicted = training.tagger.predict(corpus(3))
    assert evaluate_documents(corpus(3), predicted).f1() == pytest.approx(best)


def test_ctrl_c_saves_a_checkpoint_and_going_on_gives_the_weights_of_an_unbroken_run(
    encoder: Path, tmp_path: Path
) -> None:
    unbroken = fit(encoder, tmp_path / "a", Recorder())
    steps_per_epoch = int(unbroken.facts["steps"]) // 3
    with pytest.raises(Interrupted, match=f"step {steps_per_epoch + 2}"):
        fit(encoder, tmp_path / "b", Recorder(stop_at=steps_per_epoch + 2))
    assert Path(newest_checkpoint(tmp_path / "b") or "").name == f"checkpoint-{steps_per_epoch + 2}"
    recorder = Recorder()
    resumed = fit(encoder, tmp_path / "b", recorder, resume=True)
    assert any("Going on from" in line for line in recorder.said)
    assert resumed.facts["steps"] == unbroken.facts["steps"]
    for (name, one), (_, other) in zip(
        unbroken.tagger.model.state_dict().items(), resumed.tagger.model.state_dict().items(), strict=True
    ):
        assert torch.equal(one, other), name


def test_signal_handlers_are_put_back(encoder: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    fit(encoder, tmp_path, Recorder(), max_steps=2)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_incomplete_checkpoint_is_never_picked(tmp_path: Path) -> None:
    for step, files in ((5, ["trainer_state.json"]), (9, ["model.safetensors"])):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        for file in files:
            (folder / file).write_text("{}")
    assert Path(newest_checkpoint(tmp_path) or "").name == "checkpoint-5"


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(encoder: Path, tmp_path: Path) -> None:
    runs = [
        fit(encoder, tmp_path / str(number), Recorder(), max_steps=3, seed=seed).tagger.model.state_dict()
        for number, seed in enumerate([1, 1, 2])
    ]
    weights = [run["classifier.weight"] for run in runs]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_label_that_only_validation_has_is_missed_and_no_crash(encoder: Path, tmp_path: Path) -> None:
    settings = TrainSettings(base_model=str(encoder), max_steps=2, batch_tokens=128)
    training = train(corpus(6), corpus(2, label="SITE"), settings, WINDOWS, tmp_path)
    [evaluation] = [entry for entry in training.history if "eval_strict_f1" in entry]
    assert evaluation["eval_strict_recall"] == 0.0


def test_training_without_spans_or_validation_says_what_to_do(encoder: Path, tmp_path: Path) -> None:
    settings = TrainSettings(base_model=str(encoder))
    with pytest.raises(DataError, match="label more documents"):
        train([Document("a", "text", ())], corpus(1), settings, WINDOWS, tmp_path)
    with pytest.raises(DataError, match="Split the documents again"):
        train(corpus(1), [], settings, WINDOWS, tmp_path)


def test_an_unknown_trainer_field_is_refused_with_the_nearest_name(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="gradient_accumulation_steps"):
        fit(encoder, tmp_path, Recorder(), trainer={"gradient_acumulation_steps": 2})


def test_trainer_fields_are_passed_on(encoder: Path, tmp_path: Path) -> None:
    plain = fit(encoder, tmp_path / "a", Recorder(), epochs=1)
    accumulated = fit(encoder, tmp_path / "b", Recorder(), epochs=1, trainer={"gradient_accumulation_steps": 2})
    assert accumulated.facts["steps"] == -(-plain.facts["steps"] // 2)


@pytest.mark.parametrize(("inside", "expected"), [(0, True), (5, False)])
def test_whole_words_are_chosen_from_the_training_boundaries(
    encoder: Path, tmp_path: Path, inside: int, expected: bool
) -> None:
    documents = corpus(12)
    documents[:inside] = [
        document.with_spans(tuple(Span(s.start, s.end - 2, s.label) for s in document.spans or ()))
        for document in documents[:inside]
    ]
    settings = TrainSettings(base_model=str(encoder), max_steps=1)
    assert train(documents, corpus(2), settings, WINDOWS, tmp_path).tagger.whole_words is expected


def test_unlabelled_documents_are_no_true_negatives(encoder: Path, tmp_path: Path) -> None:
    unread = Document("unread", "Pollen of Pinus sylvestris was counted.")
    settings = TrainSettings(base_model=str(encoder), max_steps=1, batch_tokens=128)
    recorder = Recorder()
    training = train([*corpus(4), unread], [*corpus(1), unread], settings, WINDOWS, tmp_path, reporter=recorder)
    assert training.tally.records_in == 8
    assert [line for line in recorder.said if "left out" in line] == [
        "1 unlabelled training document(s) are left out (spans: null).",
        "1 unlabelled validation document(s) are left out (spans: null).",
    ]
    with pytest.raises(DataError, match="no labelled validation document"):
        train(corpus(1), [unread], settings, WINDOWS, tmp_path)
