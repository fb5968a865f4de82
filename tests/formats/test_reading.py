"""Finding files and telling their kinds apart by content; several kinds and several mistakes in one call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanwright.document import Document, Span
from spanwright.errors import DataError, FormatError, PathError
from spanwright.formats import read_annotations, read_texts, write_documents

TEXT = "Alnus grew near Lake Onega."
REGION = {
    "id": "r",
    "type": "labels",
    "to_name": "text",
    "value": {"start": 0, "end": 5, "text": "Alnus", "labels": ["TAXA"]},
}


def annotation(number: int) -> dict[str, Any]:
    return {"id": number, "result": [REGION], "was_cancelled": False}


def task(number: int) -> dict[str, Any]:
    return {"id": number, "project": 1, "data": {"text": TEXT}, "annotations": [annotation(number)]}


def stored(number: int) -> dict[str, Any]:
    return {**annotation(number), "task": {"id": number, "project": 1, "data": {"text": TEXT}}}


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["17", "17.txt", "17.json", "17.backup"])
def test_a_storage_object_is_known_by_its_content_and_not_by_its_name(tmp_path: Path, name: str) -> None:
    result = read_annotations([save(tmp_path / name, stored(17))])
    assert [(document.id, document.spans) for document in result.documents] == [("17", (Span(0, 5, "TAXA"),))]


@pytest.mark.parametrize("content", [[task(3)], task(3)])
def test_an_export_and_a_single_task_are_known_by_their_content(tmp_path: Path, content: Any) -> None:
    result = read_annotations([save(tmp_path / "whatever.dat", content)])
    assert [document.id for document in result.documents] == ["3"]


def test_a_folder_of_mixed_kinds_is_read_to_its_depths_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "export.json", [task(1), task(2)])
    save(tmp_path / "storage" / "project" / "30", stored(30))
    write_documents(
        tmp_path / "more" / "documents.jsonl", [Document("a", "Pinus", (Span(0, 5, "TAXA"),)), Document("b", "x", ())]
    )
    save(tmp_path / ".DS_Store", "garbage")
    save(tmp_path / ".git" / "config", "garbage")
    save(tmp_path / "storage" / ".hidden" / "31", stored(31))
    result = read_annotations([tmp_path])
    assert sorted(document.id for document in result.documents) == ["1", "2", "30", "a", "b"]
    assert (result.files.used, result.files.records_in) == (3, 3)
    assert (result.tasks.used, result.regions.used) == (5, 4)


def test_a_source_inside_a_hidden_folder_is_read(tmp_path: Path) -> None:
    save(tmp_path / ".data" / "1", stored(1))
    assert len(read_annotations([tmp_path / ".data"]).documents) == 1


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = save(tmp_path / "export.json", [task(1)])
    result = read_annotations([path, tmp_path])
    assert (result.files.records_in, result.regions.records_in) == (1, 1)


def test_progress_is_told_after_each_file(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(tmp_path / str(number), stored(number))
    told: list[int] = []
    read_annotations([tmp_path], progress=told.append)
    assert told == [1, 2, 3]


def test_a_byte_order_mark_before_json_and_text_is_ignored(tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_bytes(b"\xef\xbb\xbf" + json.dumps([task(1)]).encode())
    assert len(read_annotations([export]).documents) == 1
    plain = tmp_path / "plain.txt"
    plain.write_bytes(b"\xef\xbb\xbfAlnus")
    assert [document.text for document in read_texts([plain])] == ["Alnus"]
    lines = tmp_path / "documents.jsonl"
    lines.write_bytes(b'\xef\xbb\xbf{"id": "1", "text": "a", "spans": []}\n{"id": "2", "text": "b", "spans": []}\n')
    assert [document.id for document in read_annotations([lines]).documents] == ["1", "2"]


def test_unlabelled_lines_of_documents_are_dropped_from_an_import_and_kept_for_prediction(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("a", "x", None), Document("b", "y", ())])
    result = read_annotations([path])
    assert [document.id for document in result.documents] == ["b"]
    assert dict(result.tasks.dropped) == {"unlabelled": 1}
    assert [(document.id, document.spans) for document in read_texts([path])] == [("a", None), ("b", ())]


def test_documents_of_which_none_is_labelled_are_refused_like_tasks(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("a", "x", None), Document("b", "y", None)])
    with pytest.raises(DataError, match="No labelled"):
        read_annotations([path])


def test_unlabelled_tasks_beside_labelled_documents_are_only_tallied(tmp_path: Path) -> None:
    write_documents(tmp_path / "documents.jsonl", [Document("a", "x", ()), Document("b", "y", ())])
    save(tmp_path / "tasks.json", [{"id": 5, "data": {"text": TEXT}}])
    result = read_annotations([tmp_path])
    assert [document.id for document in result.documents] == ["a", "b"]
    assert dict(result.tasks.dropped) == {"unlabelled": 1}


def test_a_documents_file_of_one_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("a", "Pinus", (Span(0, 5, "TAXA"),), "g", {"k": 1})])
    (document,) = read_annotations([path]).documents
    assert (document.id, document.group, document.meta, document.spans) == ("a", "g", {"k": 1}, (Span(0, 5, "TAXA"),))


@pytest.mark.parametrize("spans", ['"none"', '[{"start": 0, "end": 99, "label": "A"}]'])
def test_a_broken_documents_file_of_one_line_is_named_with_its_path(tmp_path: Path, spans: str) -> None:
    path = save(tmp_path / "documents.jsonl", f'{{"id": "1", "text": "abc", "spans": {spans}}}\n')
    with pytest.raises(FormatError, match="cannot be read") as error:
        read_annotations([path])
    assert [problem.path for problem in error.value.problems] == [path]


def test_the_broken_lines_of_documents_are_named_beside_other_broken_files(tmp_path: Path) -> None:
    lines = save(tmp_path / "a.jsonl", '{"id": "1", "text": "fine", "spans": []}\n{"id": 2}\n{"id": "3", "text": "cut')
    other = save(tmp_path / "b.json", "[]")
    with pytest.raises(FormatError, match="cannot be read") as error:
        read_annotations([tmp_path])
    assert [(problem.path, problem.line) for problem in error.value.problems] == [(lines, 2), (lines, 3), (other, None)]


def test_a_file_with_several_broken_lines_counts_as_one_file(tmp_path: Path) -> None:
    save(tmp_path / "a.jsonl", '{"id": "1", "text": "fine", "spans": []}\n{"id": 2}\n{"id": "3", "text": "cut')
    save(tmp_path / "b.json", [task(1)])
    with pytest.raises(FormatError, match=r"^1 of 2 file\(s\)"):
        read_annotations([tmp_path])
    result = read_annotations([tmp_path], skip_bad=True)
    assert (result.files.used, dict(result.files.dropped)) == (1, {"unreadable": 1})


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    whole = json.dumps([task(1)])
    bad = {
        "a-empty.json": "",
        "b-blank.json": " \n",
        "c-truncated.json": whole[: len(whole) // 2],
        "d-other.json": '{"answer": 42}',
        "e-list.json": "[1, 2]",
        "f-plain.txt": TEXT,
        "g-lines.jsonl": '{"a": 1}\n{"a": 2}\n',
        "h-min.json": json.dumps([{"id": 1, "text": TEXT, "label": [REGION["value"]], "annotation_id": 1}]),
    }
    for name, content in bad.items():
        save(tmp_path / name, content)
    save(tmp_path / "i-fine.json", [task(1)])
    with pytest.raises(FormatError, match=r"8 of 9 file\(s\) cannot be read") as error:
        read_annotations([tmp_path])
    problems = error.value.problems
    assert [Path(str(problem.path)).name for problem in problems] == list(bad)
    expected = [
        "empty",
        "empty",
        "breaks off or is not valid",
        "neither a Label Studio export nor a storage object",
        "neither a Label Studio export nor a storage object",
        "neither a Label Studio JSON file nor a documents.jsonl",
        "These JSON lines are no documents",
        "neither a Label Studio export nor a storage object",
    ]
    for problem, words in zip(problems, expected, strict=True):
        assert words in problem.what
    assert "Export or download the file again" in problems[2].remedy
    assert "Export, JSON" in problems[5].remedy
    assert "--skip-bad" in str(error.value)


def test_unreadable_files_are_tallied_with_skip_bad(tmp_path: Path) -> None:
    save(tmp_path / "a.json", '[{"id": 1')
    save(tmp_path / "b.txt", "plain")
    save(tmp_path / "c.json", [task(1)])
    result = read_annotations([tmp_path], skip_bad=True)
    assert [document.id for document in result.documents] == ["1"]
    assert (result.files.used, dict(result.files.dropped)) == (1, {"unreadable": 2})
    assert "a.json" in result.files.examples["unreadable"][0]


def test_only_unreadable_files_leave_nothing_to_import_even_with_skip_bad(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No labelled task"):
        read_annotations([save(tmp_path / "a.json", '[{"id": 1')], skip_bad=True)


def test_a_file_that_the_system_will_not_open_is_named_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = save(tmp_path / "locked.json", [task(1)])
    read_bytes = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    with pytest.raises(FormatError, match="Permission denied") as error:
        read_annotations([tmp_path])
    assert error.value.problems[0].path == locked


def test_a_lone_surrogate_escape_is_refused_with_the_path(tmp_path: Path) -> None:
    content = json.dumps([task(1)]).replace("Alnus grew", "Alnus \\ud83d grew")
    path = save(tmp_path / "export.json", content)
    with pytest.raises(FormatError, match="not valid") as error:
        read_annotations([path])
    assert error.value.problems[0].path == path


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_files_that_are_not_utf8_are_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "export.json"
    content = task(1) | {"data": {"text": "Café"}, "annotations": []}
    path.write_bytes(json.dumps([content], ensure_ascii=False).encode(encoding))
    with pytest.raises(FormatError) as error:
        read_annotations([path])
    assert error.value.problems[0].path == path
    with pytest.raises(FormatError):
        read_texts([path])


def test_plain_text_that_is_not_utf8_is_refused_for_prediction_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes("Café".encode("latin-1"))
    with pytest.raises(FormatError, match=r"not UTF-8 text \(byte 3\).*Save it as UTF-8") as error:
        read_texts([path])
    assert error.value.problems[0].path == path


def test_plain_text_is_one_document_a_file_for_prediction(tmp_path: Path) -> None:
    (tmp_path / "page-1.txt").write_bytes("One 😀\r\ntwo\n".encode())
    save(tmp_path / "page-2.md", "Three")
    documents = read_texts([tmp_path])
    assert [(document.id, document.text, document.spans) for document in documents] == [
        ("page-1", "One 😀\r\ntwo\n", None),
        ("page-2", "Three", None),
    ]


@pytest.mark.parametrize("text", ["[Figure 1] Alnus grew.", "{sic} Alnus grew.\nSecond line."])
def test_plain_text_that_starts_with_a_bracket_is_plain_text_for_prediction(tmp_path: Path, text: str) -> None:
    assert [document.text for document in read_texts([save(tmp_path / "page.txt", text)])] == [text]


def test_all_kinds_can_be_mixed_for_prediction(tmp_path: Path) -> None:
    save(tmp_path / "tasks.json", [task(1), {"id": 2, "project": 1, "data": {"text": "unread"}}])
    save(tmp_path / "page.txt", "plain")
    write_documents(tmp_path / "documents.jsonl", [Document("a", "x"), Document("b", "y", ())])
    documents = {document.id: document.spans for document in read_texts([tmp_path])}
    assert documents == {"1": (Span(0, 5, "TAXA"),), "2": None, "page": None, "a": None, "b": ()}


def test_a_text_key_chooses_the_text_for_prediction(tmp_path: Path) -> None:
    path = save(tmp_path / "tasks.json", [{"id": 1, "data": {"text": "note", "body": "the body"}}])
    assert [document.text for document in read_texts([path], text_key="body")] == ["the body"]


def test_all_bad_files_are_named_for_prediction_too(tmp_path: Path) -> None:
    save(tmp_path / "a.txt", "")
    save(tmp_path / "b.json", '{"answer": 42}')
    with pytest.raises(FormatError, match=r"2 file\(s\) cannot be read") as error:
        read_texts([tmp_path])
    assert [Path(str(problem.path)).name for problem in error.value.problems] == ["a.txt", "b.json"]


@pytest.mark.parametrize("read", [read_annotations, read_texts])
def test_ids_that_occur_in_two_sources_are_refused(tmp_path: Path, read: Any) -> None:
    write_documents(tmp_path / "a.jsonl", [Document("1", "x", ()), Document("2", "x", ())])
    write_documents(tmp_path / "b.jsonl", [Document("2", "y", ()), Document("3", "y", ())])
    with pytest.raises(FormatError, match=r"1 document id\(s\) occur twice, such as 2\..*different ids"):
        read([tmp_path])


def test_a_task_and_a_document_of_one_id_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [task(1)])
    write_documents(tmp_path / "b.jsonl", [Document("1", "x", ()), Document("2", "x", ())])
    with pytest.raises(FormatError, match="occur twice"):
        read_annotations([tmp_path])


@pytest.mark.parametrize("read", [read_annotations, read_texts])
def test_a_missing_source_and_an_empty_folder_are_refused(tmp_path: Path, read: Any) -> None:
    with pytest.raises(PathError, match="does not exist"):
        read([tmp_path / "nowhere"])
    save(tmp_path / "folder" / ".hidden", "x")
    with pytest.raises(PathError, match="has no files") as error:
        read([tmp_path / "folder"])
    assert error.value.problems[0].path == tmp_path / "folder"


def test_text_files_of_one_name_in_two_folders_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page.txt").write_text(f"text of {folder}")
    (tmp_path / "other.txt").write_text("another")
    documents = {document.id: document.text for document in read_texts([tmp_path])}
    paths = [(tmp_path / folder / "page.txt").as_posix() for folder in ("a", "b")]
    assert documents == {paths[0]: "text of a", paths[1]: "text of b", "other": "another"}
