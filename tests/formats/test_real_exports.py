"""Real files of Label Studio 1.23: tallies against a count with plain `json`, spans against a few-line reader."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spanwright.document import Document
from spanwright.errors import FormatError
from spanwright.formats import ImportResult, read_annotations, read_documents, read_texts, write_documents

pytestmark = pytest.mark.exports

SOURCES = [
    "storage_exports/copious/target_storage",
    "storage_exports/copious/export.json",
    "storage_exports/craft/target_storage",
    "exports/local_storage_out",
    "exports/export_JSON.json",
    "exports/final_JSON_all.json",
    "exports/snapshot_JSON.json",
    "exports/snapshot_noskipped_JSON.json",
]


@dataclass(frozen=True)
class Raw:
    """What plain `json` sees: tasks by id, each with its data and its annotations."""

    tasks: dict[int, dict[str, Any]]
    annotations: dict[int, list[dict[str, Any]]]
    files: int

    def entries(self) -> int:
        return sum(len(one["result"]) for every in self.annotations.values() for one in every)

    def chosen(self) -> dict[int, dict[str, Any]]:
        """Per task the annotation that was updated last among those that nobody cancelled."""
        live = {key: [one for one in every if not one["was_cancelled"]] for key, every in self.annotations.items()}
        return {key: max(every, key=lambda one: one["updated_at"]) for key, every in live.items() if every}


def load(source: Path) -> Raw:
    raw = Raw({}, {}, len(list(source.iterdir())) if source.is_dir() else 1)
    if source.is_dir():
        for file in source.iterdir():
            one = json.loads(file.read_text(encoding="utf-8"))
            raw.tasks[one["task"]["id"]] = one["task"]["data"]
            raw.annotations.setdefault(one["task"]["id"], []).append(one)
    else:
        for task in json.loads(source.read_text(encoding="utf-8")):
            raw.tasks[task["id"]] = task["data"]
            raw.annotations[task["id"]] = task["annotations"]
    return raw


def expected_spans(text: str, annotation: dict[str, Any]) -> list[tuple[int, int, str]]:
    spans = []
    for entry in annotation["result"]:
        if entry["type"] == "labels":
            start, end = entry["value"]["start"], entry["value"]["end"]
            said = text[start:end]
            start, end = start + len(said) - len(said.lstrip()), end - len(said) + len(said.rstrip())
            spans += [(start, end, label) for label in entry["value"]["labels"]]
    return sorted(spans)


@pytest.fixture(scope="module", params=SOURCES)
def both(request: pytest.FixtureRequest, label_studio_files: Path) -> tuple[Raw, ImportResult]:
    source = label_studio_files / request.param
    return load(source), read_annotations([source])


def test_every_file_task_and_region_is_accounted_for(both: tuple[Raw, ImportResult]) -> None:
    raw, result = both
    assert result.files.records_in == result.files.used == raw.files
    assert result.tasks.records_in == len(raw.tasks)
    assert result.regions.records_in == raw.entries()


def test_the_documents_are_the_labelled_tasks_with_the_spans_of_an_independent_reader(
    both: tuple[Raw, ImportResult],
) -> None:
    raw, result = both
    expected = {str(key): expected_spans(raw.tasks[key]["text"], one) for key, one in raw.chosen().items()}
    found = {
        document.id: [(span.start, span.end, span.label) for span in document.spans or ()]
        for document in result.documents
    }
    assert found == expected
    assert {document.id: document.text for document in result.documents} == {
        str(key): raw.tasks[key]["text"] for key in raw.chosen()
    }


def test_no_group_is_lost(both: tuple[Raw, ImportResult]) -> None:
    raw, result = both
    key = "gdd_id" if all("gdd_id" in data for data in raw.tasks.values()) else "doc_id"
    assert result.group_key == key
    assert {document.group for document in result.documents} == {raw.tasks[task][key] for task in raw.chosen()}


def test_the_way_back_names_task_and_annotation(both: tuple[Raw, ImportResult]) -> None:
    raw, result = both
    found = {
        int(document.meta["label_studio"]["task"]): document.meta["label_studio"]["annotation"]
        for document in result.documents
    }
    assert found == {key: one["id"] for key, one in raw.chosen().items()}


def test_documents_of_real_exports_survive_the_round_trip(both: tuple[Raw, ImportResult], tmp_path: Path) -> None:
    _, result = both
    write_documents(tmp_path / "documents.jsonl", result.documents)
    assert read_documents(tmp_path / "documents.jsonl") == result.documents


def test_craft_storage_is_1208_chunks_of_97_articles(label_studio_files: Path) -> None:
    result = read_annotations([label_studio_files / "storage_exports/craft/target_storage"])
    assert result.files.used == 1208
    assert len(result.documents) == 1208
    assert len({document.group for document in result.documents}) == 97
    assert result.regions.used == sum(len(document.spans or ()) for document in result.documents) == 53_107
    assert sum(document.spans == () for document in result.documents) == 2


def test_copious_is_the_same_labels_as_an_export_and_as_storage(label_studio_files: Path) -> None:
    def surfaces(documents: list[Document]) -> Counter[tuple[str, str, str]]:
        return Counter(
            (document.meta["doc_id"], document.surface(span), span.label)
            for document in documents
            for span in document.spans or ()
        )

    storage = read_annotations([label_studio_files / "storage_exports/copious/target_storage"])
    export = read_annotations([label_studio_files / "storage_exports/copious/export.json"])
    assert (len(storage.documents), len(export.documents)) == (140, 131)
    assert surfaces(storage.documents) == surfaces(export.documents)
    assert surfaces(export.documents).total() == 5_054


@pytest.mark.corpora
def test_the_copious_export_holds_the_spans_of_the_corpus(label_studio_files: Path, corpora: Path) -> None:
    export = read_annotations([label_studio_files / "storage_exports/copious/export.json"])
    corpus = [
        document
        for part in ("train", "dev", "test")
        for document in read_documents(corpora / "copious" / f"{part}.jsonl")
    ]
    assert {document.group: (document.text, document.spans) for document in export.documents} == {
        document.group: (document.text, document.spans) for document in corpus
    }


def test_the_final_export_of_a_real_server_gives_the_tally_counted_by_hand(label_studio_files: Path) -> None:
    result = read_annotations([label_studio_files / "exports/final_JSON_all.json"])
    assert result.regions.records_in == 55
    assert result.regions.used == 22
    assert dict(result.regions.repaired) == {"edge-whitespace": 1, "several-labels": 1}
    assert dict(result.regions.dropped) == {
        "superseded-annotation": 27,
        "cancelled-annotation": 4,
        "not-a-span: relation": 1,
        "not-a-span: choices": 1,
    }
    assert dict(result.tasks.dropped) == {"unlabelled": 4, "only-cancelled-annotations": 2}
    by_id = {document.id: document for document in result.documents}
    assert by_id["2"].spans == ()
    assert [by_id["4"].surface(span) for span in by_id["4"].spans or ()] == ["Alice\r\nLine two"]
    assert [by_id["5"].surface(span) for span in by_id["5"].spans or ()] == ["City:\tParis\n\nNext  para", "Bob"]
    assert [span.label for span in by_id["8"].spans or ()] == ["LOC", "PER"]


def test_export_and_storage_of_one_project_together_count_every_annotation_once(label_studio_files: Path) -> None:
    folder = label_studio_files / "exports"
    alone = read_annotations([folder / "export_JSON.json"])
    together = read_annotations([folder / "export_JSON.json", folder / "local_storage_out"])
    assert [(document.id, document.spans) for document in together.documents] == [
        (document.id, document.spans) for document in alone.documents
    ]
    assert together.regions.records_in == 2 * alone.regions.records_in
    assert together.regions.dropped["duplicate-annotation"] == alone.regions.records_in


def test_prediction_takes_every_task_of_an_export(label_studio_files: Path) -> None:
    documents = read_texts([label_studio_files / "exports/final_JSON_all.json"])
    assert [document.id for document in documents] == [str(number) for number in range(1, 20)]
    assert [document.id for document in documents if document.spans is None] == ["9", "12", "15", "17", "18", "19"]


def test_a_task_from_the_server_is_read(label_studio_files: Path) -> None:
    result = read_annotations([label_studio_files / "exports/task_get_rel.json"])
    (document,) = result.documents
    assert [(document.surface(span), span.label) for span in document.spans or ()] == [
        ("Jane Doe", "PER"),
        ("Acme Corp", "ORG"),
    ]
    assert dict(result.regions.dropped) == {"not-a-span: relation": 1, "not-a-span: choices": 1}


def test_exports_of_other_formats_are_refused_all_at_once(label_studio_files: Path) -> None:
    names = ["export_JSON_MIN.json", "export_CSV.csv", "export_TSV.tsv", "export_CONLL2003.txt", "tasks_list.json"]
    with pytest.raises(FormatError, match="5 of 5 file") as error:
        read_annotations([label_studio_files / "exports" / name for name in names])
    assert [Path(str(problem.path)).name for problem in error.value.problems] == names
    assert all("Export, JSON" in problem.remedy for problem in error.value.problems)
