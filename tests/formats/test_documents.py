"""`documents.jsonl`: what is written is read back, and every broken line of a file is named at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.document import Document, Span
from spanwright.errors import FormatError, PathError, SpanwrightError
from spanwright.formats import read_documents, write_documents
from spanwright.formats.documents import document_from, looks_like_documents, to_dict

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)


@st.composite
def documents(draw: st.DrawFn, name: str) -> Document:
    text = draw(st.text(max_size=40))
    spans: tuple[Span, ...] | None = None
    if draw(st.booleans()):
        places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(lambda pair: pair[0] < pair[1])
        pairs = draw(st.lists(places, max_size=4)) if text else []
        scores = st.none() | st.floats(0, 1)
        spans = tuple(Span(start, end, draw(st.text(min_size=1, max_size=8)), draw(scores)) for start, end in pairs)
    meta = draw(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=3))
    return Document(name, text, spans, draw(st.text(max_size=8)), meta)


@st.composite
def corpora_of_documents(draw: st.DrawFn) -> list[Document]:
    names = draw(st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True))
    return [draw(documents(name)) for name in names]


@settings(deadline=None, max_examples=150)
@given(corpora_of_documents())
def test_documents_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("round") / "documents.jsonl"
    assert write_documents(path, written) == len(written)
    assert read_documents(path) == written


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1))
def test_a_score_comes_back_to_six_decimals(tmp_path_factory: pytest.TempPathFactory, score: float) -> None:
    path = tmp_path_factory.mktemp("scores") / "documents.jsonl"
    write_documents(path, [Document("1", "abc", (Span(0, 1, "A", score),))])
    (document,) = read_documents(path)
    assert document.spans is not None
    assert document.spans[0].score == pytest.approx(score, abs=5.1e-7)


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\u2028b\u2029c\x85d",
        "\r\n\t",
        "\ufeffafter a BOM",
        "𝐁𝐨𝐥𝐝 👨\u200d👩\u200d👧",
        "\uffff\U0010ffff",
        "",
    ],
)
def test_text_that_looks_like_a_line_end_or_a_byte_order_mark_survives(tmp_path: Path, text: str) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("1", text), Document("2", "next")])
    assert [document.text for document in read_documents(path)] == [text, "next"]


def test_null_spans_and_empty_spans_stay_different(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("a", "text", None), Document("b", "text", ())])
    assert [document.spans for document in read_documents(path)] == [None, ()]
    assert [orjson.loads(line)["spans"] for line in path.read_bytes().splitlines()] == [None, []]


def test_a_line_has_the_keys_of_the_design_and_a_score_only_when_there_is_one() -> None:
    document = Document("12", "Alnus grew.", (Span(0, 5, "TAXA"), Span(6, 10, "X", 0.123456789)), "article-3", {"a": 1})
    assert to_dict(document) == {
        "id": "12",
        "text": "Alnus grew.",
        "group": "article-3",
        "spans": [
            {"start": 0, "end": 5, "label": "TAXA"},
            {"start": 6, "end": 10, "label": "X", "score": 0.123457},
        ],
        "meta": {"a": 1},
    }


def test_unknown_keys_of_a_line_are_kept_in_meta_and_meta_wins() -> None:
    document = document_from({"id": "1", "text": "x", "overlap": True, "a": 1, "meta": {"a": 2}})
    assert dict(document.meta) == {"overlap": True, "a": 2}


def test_two_equal_spans_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("1", "abc", (Span(0, 1, "A"), Span(0, 1, "A")))])
    assert read_documents(path)[0].spans == (Span(0, 1, "A"), Span(0, 1, "A"))


def test_a_document_without_a_group_is_its_own_group() -> None:
    assert document_from({"id": "7", "text": "x"}).group == "7"


def test_numeric_ids_and_groups_become_text() -> None:
    document = document_from({"id": 7, "text": "x", "group": 3})
    assert (document.id, document.group) == ("7", "3")


def test_the_group_zero_is_a_group_like_any_other() -> None:
    assert document_from({"id": "7", "text": "x", "group": 0}).group == "0"


def test_a_line_without_an_id_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_text('{"text": "a", "spans": []}\n\n{"text": "b", "spans": null}\n', encoding="utf-8")
    assert [document.id for document in read_documents(path)] == ["1", "3"]


def test_a_null_id_counts_as_no_id(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_text(
        '{"id": null, "text": "a", "spans": []}\n{"id": null, "text": "b", "spans": []}\n', encoding="utf-8"
    )
    assert [document.id for document in read_documents(path)] == ["1", "2"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_documents(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "1", "text": "a"}\r\n{"id": "2", "text": "b"}\r\n')
    assert [(document.id, document.text) for document in read_documents(path)] == [("1", "a"), ("2", "b")]


def test_all_broken_lines_are_named_at_once_with_their_numbers(tmp_path: Path) -> None:
    lines = [
        '{"id": "1", "text": "fine", "spans": []}',
        '{"id": "2", "text": "cut',
        "",
        '{"id": "3", "text": 5}',
        '["a list"]',
        '{"id": "4", "text": "abc", "spans": "none"}',
        '{"id": "5", "text": "abc", "spans": [{"start": "0", "end": 1, "label": "A"}]}',
        '{"id": "6", "text": "abc", "spans": [{"start": 0, "end": 9, "label": "A"}]}',
        '{"id": "7", "text": "abc", "spans": [{"start": 2, "end": 2, "label": "A"}]}',
        '{"id": "8", "text": "abc", "spans": [{"start": 0, "end": 1}]}',
        '{"id": "9", "text": "abc", "spans": [{"start": true, "end": 2, "label": "A"}]}',
        '{"id": "1", "text": "the id again"}',
        '{"id": "10", "text": "abc", "spans": [{"start": 0, "end": 1, "label": "A", "score": 2}]}',
    ]
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(FormatError, match="11 broken line") as error:
        read_documents(path)
    problems = error.value.problems
    assert [problem.line for problem in problems] == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert all(problem.path == path for problem in problems)
    expected = [
        "not valid JSON",
        'string "text"',
        'string "text"',
        '"spans" must be a list or null',
        'whole numbers "start" and "end"',
        "Document 6 has 3 characters, but its span A ends at 9",
        "0 <= start < end",
        "has no label",
        'whole numbers "start" and "end"',
        'The id "1" was already used in line 1',
        "A score lies in [0, 1]",
    ]
    for problem, words in zip(problems, expected, strict=True):
        assert words in problem.what
    assert "spanwright import" in str(error.value)
    assert "line 13" in str(error.value)


@pytest.mark.parametrize(
    "spans", [[5], [None], [{"start": 0}], [{"end": 1}], [{"start": 0.0, "end": 1, "label": "A"}], {}]
)
def test_spans_of_another_shape_are_refused(spans: Any) -> None:
    with pytest.raises(FormatError, match=r"whole numbers|list or null"):
        document_from({"id": "1", "text": "abc", "spans": spans})


def test_a_score_that_is_no_number_is_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    span = '{"start": 0, "end": 1, "label": "A", "score": "0.5"}'
    path.write_text(f'{{"id": "1", "text": "abc", "spans": [{span}]}}\n', encoding="utf-8")
    with pytest.raises(FormatError, match="broken line") as error:
        read_documents(path)
    assert error.value.problems[0].line == 1


def test_meta_that_is_no_object_is_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_text('{"id": "1", "text": "abc", "spans": [], "meta": [1]}\n', encoding="utf-8")
    with pytest.raises(FormatError, match="broken line") as error:
        read_documents(path)
    assert error.value.problems[0].line == 1


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\r\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"empty.*spanwright import") as error:
        read_documents(path)
    assert error.value.problems[0].path == path


def test_a_missing_file_is_refused_with_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(PathError, match=r"does not exist.*train\.jsonl"):
        read_documents(tmp_path / "documents.jsonl")


def test_a_folder_is_refused_as_a_documents_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"folder.*Name the file inside it"):
        read_documents(tmp_path)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"id": 1, "text": "a"}, True),
        ({"spans": None, "text": "a"}, True),
        ({"text": "a"}, False),
        ({"id": 1, "text": 5}, False),
        ({"id": 1}, False),
        ([{"id": 1, "text": "a"}], False),
        ("text", False),
    ],
)
def test_a_first_line_is_ours_when_it_has_a_text_and_an_id_or_spans(first: Any, expected: bool) -> None:
    assert looks_like_documents(first) is expected


def test_a_write_that_dies_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    write_documents(path, [Document("old", "text")])

    def dying() -> Iterator[Document]:
        yield Document("new", "text")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_documents(path, dying())
    assert [document.id for document in read_documents(path)] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["documents.jsonl"]


def test_a_lone_surrogate_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    with pytest.raises((TypeError, SpanwrightError), match="surrogate"):
        write_documents(path, [Document("1", "fine"), Document("2", "half \ud83d")])
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "documents.jsonl"
    assert write_documents(path, []) == 0
    assert path.read_bytes() == b""
