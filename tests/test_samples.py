"""The sample annotations that ship in the package: enough of them, varied, and a fair test."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from spanwright import config, pipeline
from spanwright.document import Document
from spanwright.formats import ImportResult, read_annotations
from spanwright.split import Split, split_documents

LABELS = {"SITE", "REGION", "TAXA", "AGE", "GEOG", "ALTI", "EMAIL"}


@pytest.fixture(scope="module")
def imported() -> ImportResult:
    return read_annotations([pipeline.samples()])


@pytest.fixture(scope="module")
def split(imported: ImportResult) -> Split:
    """As the demo splits them."""
    settings = config.load(None, pipeline.DEMO).split
    return split_documents(imported.documents, settings.ratios, settings.seed)


def skeletons(document: Document) -> list[str]:
    """Sentences with each entity replaced by one mark; those without an entity are left out."""
    masked, end = [], 0
    for span in document.spans or ():
        masked += [document.text[end : span.start], "\x00"]
        end = span.end
    text = "".join([*masked, document.text[end:]])
    sentences = re.split(r"(?<=[.!?;])\s+|\n+", text)
    return [" ".join(s.split()) for s in sentences if "\x00" in s and len(s.split()) >= 4]


def test_there_is_enough_to_learn_from(imported: ImportResult) -> None:
    documents = imported.documents
    assert imported.group_key == "article_id"
    assert len({document.group for document in documents}) >= 16
    assert len(documents) > 2 * len({document.group for document in documents}), "articles come in chunks"
    assert sum(len(document.text.split()) for document in documents) >= 9_000
    assert {span.label for document in documents for span in document.spans or ()} == LABELS


def test_it_is_what_a_storage_export_looks_like(imported: ImportResult) -> None:
    files = list(pipeline.samples().iterdir())
    assert len(files) == imported.files.used
    assert all(not path.suffix for path in files)
    assert any(document.spans == () for document in imported.documents), "true negatives"
    assert {"superseded-annotation", "cancelled-annotation"} <= set(imported.regions.dropped)
    assert imported.regions.repaired["edge-whitespace"] == 3


def test_no_sentence_occurs_twice_with_other_entities(imported: ImportResult) -> None:
    where = defaultdict(list)
    for document in imported.documents:
        for skeleton in skeletons(document):
            where[skeleton].append(document.id)
    assert {skeleton: ids for skeleton, ids in where.items() if len(ids) > 1} == {}
    assert len(where) > 400


def test_texts_are_natural_in_length_and_vocabulary(imported: ImportResult) -> None:
    words = [word for document in imported.documents for word in re.findall(r"[a-zé]+", document.text.lower())]
    assert len(set(words)) > 3_000
    most_common_fifty = sum(count for _, count in Counter(words).most_common(50))
    assert most_common_fifty / len(words) < 0.6


@pytest.mark.parametrize("label", ["SITE", "REGION", "AGE"])
def test_few_test_surfaces_occur_in_training(split: Split, label: str) -> None:
    def surfaces(part: str) -> set[str]:
        documents = split.parts[part]
        return {d.surface(s).lower() for d in documents for s in d.spans or () if s.label == label}

    test = surfaces("test")
    assert len(test) >= 10
    assert len(test & surfaces("train")) / len(test) <= 0.2


def test_every_label_is_in_every_part(split: Split) -> None:
    for part, documents in split.parts.items():
        assert {span.label for d in documents for span in d.spans or ()} == LABELS, part


def test_the_samples_are_in_the_package() -> None:
    assert pipeline.samples().is_relative_to(Path(pipeline.__file__).parent)
