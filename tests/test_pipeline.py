"""The whole path: what `run` and `demo` leave, what they keep the second time, and real exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tiny
from conftest import Spanwright
from spanwright import config, pipeline, steps
from spanwright.formats import read_documents
from spanwright.labels import LabelSet
from spanwright.progress import Reporter

PARTS = ("train", "validation", "test")


class Recorder(Reporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_run_fills_its_folder(small_run: Path) -> None:
    for name in (
        "documents.jsonl", "import.tally.json", "data/train.jsonl", "data/validation.jsonl", "data/test.jsonl",
        "data/split.json", "data/split.tally.json", "model/config.json", "model/model.safetensors",
        "model/tokenizer.json", "model/spanwright.json", "model/README.md", "model/train.tally.json",
        "results/model_test/evaluation.json", "results/model_test/predictions.jsonl",
        "results/model_test/plots/by_label.png", "results/model_train/evaluation.json", "report.html", "run.json",
        "log.txt",
    ):  # fmt: skip
        assert (small_run / name).is_file(), name
    left_over = [path.name for path in small_run.rglob("*") if ".partial" in path.name or ".tmp" in path.name]
    assert left_over == []


def test_run_json_has_what_is_needed_to_do_it_again(small_run: Path) -> None:
    record = read(small_run / "run.json")
    assert record["schema"] == 1
    assert record["settings"]["train"]["max_steps"] == 80
    assert record["settings"]["windows"]["length"] == 256
    assert {"torch", "transformers", "spanwright", "python"} <= set(record["versions"])
    assert list(record["steps"]) == ["import", "split", "train", "evaluate"]
    assert record["device"] == "cpu"


def test_the_log_has_entity_and_token_scores_of_every_evaluation(small_run: Path) -> None:
    lines = [line for line in (small_run / "log.txt").read_text().splitlines() if "validation: entity P" in line]
    assert len(lines) == len(
        [e for e in read(small_run / "model/spanwright.json")["training"]["history"] if "eval_strict_f1" in e]
    )
    assert all("| token P" in line for line in lines)


def test_no_article_is_in_two_parts_and_no_document_is_lost(small_run: Path) -> None:
    parts = {part: read_documents(small_run / "data" / f"{part}.jsonl") for part in PARTS}
    groups = {part: {document.group for document in documents} for part, documents in parts.items()}
    assert not groups["train"] & groups["validation"]
    assert not groups["train"] & groups["test"]
    assert not groups["validation"] & groups["test"]
    assert sum(len(documents) for documents in parts.values()) == len(read_documents(small_run / "documents.jsonl"))


def test_the_evaluation_is_what_an_independent_count_gives(small_run: Path) -> None:
    for part in PARTS:
        folder = small_run / "results" / f"model_{part}"
        gold, found = (
            {
                (d["id"], s["start"], s["end"], s["label"])
                for d in map(json.loads, path.read_text(encoding="utf-8").splitlines())
                for s in d["spans"]
            }
            for path in (small_run / "data" / f"{part}.jsonl", folder / "predictions.jsonl")
        )
        score = read(folder / "evaluation.json")["overall"]["strict"]
        assert score["true_positives"] == len(gold & found)
        assert score["precision"] == pytest.approx(len(gold & found) / len(found))
        assert score["recall"] == pytest.approx(len(gold & found) / len(gold))
        low, high = score["f1_ci95"]
        assert low <= score["f1"] <= high


def test_the_same_command_twice_keeps_everything(small_run: Path, spanwright: Spanwright) -> None:
    before = {path: path.stat().st_mtime_ns for path in (small_run / "model").iterdir()}
    done = spanwright("demo", "-o", small_run, "--set", "train.max_steps=80")
    assert done.code == 0
    assert done.err.count("nothing has changed") == 4
    assert "Entity F1" in done.err
    assert {path: path.stat().st_mtime_ns for path in (small_run / "model").iterdir()} == before


def test_the_pipeline_of_transformers_gives_the_same_spans_where_both_decode_alike(small_run: Path) -> None:
    """Both decode alike where the arg-max tags are a valid sequence that cuts no word, in a text of one window."""
    import torch
    from transformers import pipeline as hf_pipeline

    from spanwright.labels import inside_word
    from spanwright.model.encode import encode
    from spanwright.model.tagger import Tagger

    tagger = Tagger.load(small_run / "model", device="cpu")
    theirs = hf_pipeline(
        "token-classification", model=str(small_run / "model"), aggregation_strategy="simple", device="cpu"
    )
    sentences = [
        sentence.strip() + "."
        for document in read_documents(small_run / "data" / "test.jsonl")
        for sentence in document.text.split(". ")
        if 20 < len(sentence) < 400
    ]
    compared = spans = 0
    for sentence, ours in zip(sentences, tagger.predict(sentences), strict=True):
        [encoded] = encode([ours], tagger.tokenizer)
        ids = torch.tensor([[*tagger.frame.prefix, *encoded.ids.tolist(), *tagger.frame.suffix]])
        with torch.inference_mode():
            tags = tagger.model(ids).logits[0, 1:-1].argmax(-1).tolist()
        valid = all(
            tag == 0 or tag % 2 == 1 or before in (tag - 1, tag) for before, tag in zip([0, *tags], tags, strict=False)
        )
        cuts = any(
            (tag % 2 == 1 or (tag == 0) != (before == 0)) and inside_word(sentence, start)
            for before, tag, (start, _) in zip([0, *tags], tags, encoded.offsets, strict=False)
        )
        if not valid or cuts:
            continue
        compared += 1
        found = {(s.start, s.end, s.label) for s in ours.spans or ()}
        spans += len(found)
        assert found == {(e["start"], e["end"], e["entity_group"]) for e in theirs(sentence)}, sentence
    assert compared >= 20
    assert spans >= 20


@pytest.fixture
def fast(tmp_path: Path) -> list[str]:
    """Settings of a run on a model of the tests' own that takes a second."""
    encoder = tiny.checkpoint(tmp_path / "encoder", LabelSet(("OTHER",)), spread=0.05)
    return [
        f"train.base_model={encoder}",
        "train.max_steps=2",
        "windows.length=32",
        "windows.stride=8",
        "evaluate.resamples=100",
    ]


def test_a_changed_setting_does_again_only_what_builds_on_it(tmp_path: Path, fast: list[str]) -> None:
    pipeline.demo(tmp_path / "demo", fast)
    recorder = Recorder()
    pipeline.demo(tmp_path / "demo", [*fast, "train.seed=7"], recorder)
    kept = [line.split(":")[0] for line in recorder.said if "nothing has changed" in line]
    assert kept == ["import", "split"]
    assert read(tmp_path / "demo" / "run.json")["settings"]["train"]["seed"] == 7


def test_edited_data_are_learned_again(tmp_path: Path, fast: list[str]) -> None:
    pipeline.demo(tmp_path / "demo", fast)
    path = tmp_path / "demo" / "data" / "train.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    recorder = Recorder()
    pipeline.demo(tmp_path / "demo", fast, recorder)
    assert [line.split(":")[0] for line in recorder.said if "nothing has changed" in line] == ["import", "split"]


def test_fewer_parts_can_be_evaluated(tmp_path: Path, fast: list[str]) -> None:
    result = pipeline.demo(tmp_path / "demo", [*fast, 'evaluate.parts=["test"]'])
    assert list(result.evaluations) == ["test"]
    assert [path.name for path in (tmp_path / "demo" / "results").iterdir()] == ["model_test"]


def test_a_standard_checkpoint_without_our_file_is_evaluated(tmp_path: Path, small_run: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "theirs", LabelSet(("SITE", "TAXA")), seed=6)
    settings = config.load(None, ["evaluate.resamples=100"])
    results = steps.evaluate_model(
        str(folder), small_run / "data" / "test.jsonl", tmp_path / "results", settings.evaluate, settings.predict
    )
    assert results["test"]["name"] == "theirs"
    assert results["test"]["predicted_spans"] > 0


def regions_in(folder: Path) -> int:
    """Entries of all `result` lists of storage objects, counted with nothing but json."""
    return sum(len(json.loads(path.read_text(encoding="utf-8"))["result"]) for path in folder.iterdir())


@pytest.mark.exports
@pytest.mark.parametrize(("name", "files", "articles"), [("craft", 1_208, 97), ("copious", 140, 131)])
def test_real_storage_exports_run_with_every_region_accounted_for(
    label_studio_files: Path, tmp_path: Path, fast: list[str], name: str, files: int, articles: int
) -> None:
    source = label_studio_files / "storage_exports" / name / "target_storage"
    settings = config.load(
        None, [*fast, 'evaluate.parts=["validation"]', f'import.sources=["{source}"]', f"output={tmp_path}/run"]
    )
    if name == "craft":  # whole articles at once would take the tiny model minutes
        steps.import_annotations([source], tmp_path / "run" / "documents.jsonl")
        steps.split_corpus(tmp_path / "run" / "documents.jsonl", tmp_path / "run" / "data", settings.split)
    else:
        pipeline.run(settings)
        assert read(tmp_path / "run" / "results" / "model_validation" / "evaluation.json")["documents"] > 0
    tally = read(tmp_path / "run" / "import.tally.json")
    assert tally["files"]["used"] == files
    assert tally["in"] == tally["used"] + sum(tally["dropped"].values()) == regions_in(source)
    groups = read(tmp_path / "run" / "data" / "split.json")["groups"]
    assert sum(len(members) for members in groups.values()) == articles
    assert len({group for members in groups.values() for group in members}) == articles


def test_results_of_parts_that_are_no_longer_evaluated_do_not_stay_in_the_report(
    tmp_path: Path, fast: list[str]
) -> None:
    pipeline.demo(tmp_path / "demo", fast)
    pipeline.demo(tmp_path / "demo", [*fast, 'evaluate.parts=["test"]'])
    assert [path.name for path in (tmp_path / "demo" / "results").iterdir()] == ["model_test"]
    assert "model on validation" not in (tmp_path / "demo" / "report.html").read_text()


def test_a_result_that_was_removed_is_made_again(tmp_path: Path, fast: list[str]) -> None:
    pipeline.demo(tmp_path / "demo", fast)
    (tmp_path / "demo" / "results" / "model_test" / "evaluation.json").unlink()
    recorder = Recorder()
    assert "test" in pipeline.demo(tmp_path / "demo", fast, recorder).evaluations
    assert len([line for line in recorder.said if "nothing has changed" in line]) == 3


def test_steps_one_by_one_leave_a_report_over_all_of_them(tmp_path: Path, fast: list[str], monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = config.load(None, fast)
    steps.import_annotations([pipeline.samples()], Path("documents.jsonl"))
    steps.split_corpus(Path("documents.jsonl"), Path("data"), settings.split)
    steps.train_model(Path("data"), Path("model"), settings)
    steps.evaluate_model("model", Path("data"), Path("results"), settings.evaluate, settings.predict)
    page = Path("results/report.html").read_text()
    for words in ("superseded-annotation", "What became of every record", "Split by group", "steps in"):
        assert words in page
    assert read(Path("model/run.json"))["settings"]["train"]["max_steps"] == 2
    predicted = steps.predict_files("model", [Path("data/test.jsonl")], Path("predictions.jsonl"), settings.predict)
    result = steps.score_files(Path("data/test.jsonl"), Path("predictions.jsonl"), Path("scored"), settings.evaluate)
    assert result["overall"] == read(Path("results/model_test/evaluation.json"))["overall"]
    assert len(predicted) == result["documents"]


def test_the_demo_takes_settings_of_the_import_too(tmp_path: Path, fast: list[str]) -> None:
    pipeline.demo(tmp_path / "demo", [*fast, 'import.group_key="title"', 'evaluate.parts=["test"]'])
    assert all(
        document.group == document.meta["title"] for document in read_documents(tmp_path / "demo/documents.jsonl")
    )
