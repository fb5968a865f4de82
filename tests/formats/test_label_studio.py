"""Label Studio's rules: which annotation counts, where a region lies, and what becomes of every region."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.document import Span
from spanwright.errors import AnnotationError, DataError, RequestError
from spanwright.formats import ImportResult, read_annotations, read_texts
from spanwright.formats.label_studio import GROUP_KEYS, Task, build, tasks_in

Json = dict[str, Any]
TEXT = "Alnus grew near Lake Onega."
EARLY, LATE = "2026-01-01T10:00:00.000001Z", "2026-01-02T10:00:00.000001Z"


def region(start: Any, end: Any, *labels: str, said: str | None = None, name: str = "r1", **more: Any) -> Json:
    value = {"start": start, "end": end, "labels": list(labels)} | ({} if said is None else {"text": said})
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value} | more


def annotation(number: Any, *result: Any, at: str = EARLY, cancelled: bool = False, **more: Any) -> Json:
    return {"id": number, "result": list(result), "was_cancelled": cancelled, "updated_at": at, **more}


def task(number: Any, text: str, *annotations: Json, **data: Any) -> Json:
    return {"id": number, "project": 1, "data": {"text": text, **data}, "annotations": list(annotations)}


def stored(number: int, text: str, one: Json, **data: Any) -> Json:
    """A target-storage object: one annotation with its task inside."""
    return {**one, "task": {"id": number, "project": 1, "data": {"text": text, **data}}}


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def imported(tmp_path: Path, *tasks: Json, **options: Any) -> ImportResult:
    return read_annotations([save(tmp_path / "export.json", list(tasks))], **options)


def only_spans(result: ImportResult) -> tuple[Span, ...] | None:
    (document,) = result.documents
    return document.spans


# Which annotation counts


def test_an_export_gives_one_document_a_task_in_order_of_id(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(10, "ten", annotation(3)),
        task(9, TEXT, annotation(1, region(0, 5, "TAXA", said="Alnus"), region(16, 26, "SITE", said="Lake Onega"))),
    )
    assert [(document.id, document.text) for document in result.documents] == [("9", TEXT), ("10", "ten")]
    assert result.documents[0].spans == (Span(0, 5, "TAXA"), Span(16, 26, "SITE"))
    assert result.regions.used == 2
    assert not result.regions.dropped
    assert result.tasks.used == 2


def test_a_submitted_annotation_without_regions_is_a_true_negative(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, TEXT, annotation(1)))
    assert only_spans(result) == ()
    assert (result.tasks.used, result.regions.records_in) == (1, 0)


def test_a_null_result_is_read_as_an_empty_annotation(tmp_path: Path) -> None:
    content = task(1, TEXT, {"id": 1, "result": None, "was_cancelled": False})
    assert only_spans(imported(tmp_path, content)) == ()


def test_an_unlabelled_task_is_dropped_from_an_import_and_tallied(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, TEXT, annotation(1)), task(2, "nobody was here"))
    assert [document.id for document in result.documents] == ["1"]
    assert dict(result.tasks.dropped) == {"unlabelled": 1}
    assert "export.json: task 2" in result.tasks.examples["unlabelled"][0]


def test_an_unlabelled_task_is_kept_for_prediction_without_spans(tmp_path: Path) -> None:
    path = save(tmp_path / "export.json", [task(1, TEXT, annotation(1, region(0, 5, "TAXA"))), task(2, "unread")])
    assert [(document.id, document.spans) for document in read_texts([path])] == [
        ("1", (Span(0, 5, "TAXA"),)),
        ("2", None),
    ]


def test_a_task_without_the_key_annotations_is_unlabelled(tmp_path: Path) -> None:
    path = save(
        tmp_path / "tasks.json",
        [{"id": 4, "data": {"text": "just a text"}}, {"id": 5, "data": {"text": "b"}, "annotations": None}],
    )
    assert [(document.id, document.spans) for document in read_texts([path])] == [("4", None), ("5", None)]


def test_cancelled_annotations_never_count_however_late_they_are(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(
            1,
            TEXT,
            annotation(1, region(0, 5, "TAXA")),
            annotation(2, region(16, 20, "SITE"), region(21, 26, "SITE"), at=LATE, cancelled=True),
        ),
    )
    assert only_spans(result) == (Span(0, 5, "TAXA"),)
    assert dict(result.regions.dropped) == {"cancelled-annotation": 2}


def test_a_task_with_cancelled_annotations_only_is_dropped_with_that_reason(tmp_path: Path) -> None:
    result = imported(
        tmp_path, task(1, TEXT, annotation(1)), task(2, TEXT, annotation(2, region(0, 5, "TAXA"), cancelled=True))
    )
    assert [document.id for document in result.documents] == ["1"]
    assert dict(result.tasks.dropped) == {"only-cancelled-annotations": 1}
    assert dict(result.regions.dropped) == {"cancelled-annotation": 1}


def test_of_several_annotations_the_one_updated_last_counts_not_the_one_with_the_highest_id(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(
            1,
            TEXT,
            annotation(7, region(0, 5, "NEW"), at=LATE),
            annotation(8, region(0, 5, "OLD"), region(6, 10, "OLD"), at=EARLY),
        ),
    )
    assert only_spans(result) == (Span(0, 5, "NEW"),)
    assert dict(result.regions.dropped) == {"superseded-annotation": 2}
    assert "annotation 8" in result.regions.examples["superseded-annotation"][0]


def test_without_an_update_the_time_of_creation_counts_and_then_the_id(tmp_path: Path) -> None:
    by_creation = task(
        1,
        TEXT,
        {"id": 2, "result": [region(0, 5, "OLD")], "created_at": EARLY},
        {"id": 1, "result": [region(0, 5, "NEW")], "created_at": LATE},
    )
    by_id = task(2, TEXT, {"id": 11, "result": [region(0, 5, "NEW")]}, {"id": 9, "result": [region(0, 5, "OLD")]})
    result = imported(tmp_path, by_creation, by_id)
    assert [document.spans for document in result.documents] == [(Span(0, 5, "NEW"),)] * 2


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.500000Z"),
        ("2026-01-01T10:00:00+02:00", "2026-01-01T09:00:00+00:00"),
    ],
)
def test_times_are_compared_as_times_and_not_as_text(tmp_path: Path, older: str, newer: str) -> None:
    result = imported(
        tmp_path,
        task(1, TEXT, annotation(2, region(0, 5, "OLD"), at=older), annotation(1, region(0, 5, "NEW"), at=newer)),
    )
    assert only_spans(result) == (Span(0, 5, "NEW"),)


@pytest.mark.parametrize("names", [("a.json", "b.json"), ("b.json", "a.json")])
def test_copies_of_one_annotation_count_once_and_the_newest_copy_wins(tmp_path: Path, names: tuple[str, str]) -> None:
    old = annotation(5, region(0, 5, "OLD"), region(6, 10, "OLD"), at=EARLY)
    new = annotation(5, region(0, 5, "NEW"), at=LATE)
    save(tmp_path / names[0], [task(1, TEXT, old)])
    save(tmp_path / names[1], stored(1, TEXT, new))
    result = read_annotations([tmp_path])
    assert only_spans(result) == (Span(0, 5, "NEW"),)
    assert dict(result.regions.dropped) == {"duplicate-annotation": 2}
    assert result.regions.records_in == 3
    assert (result.tasks.records_in, result.files.used) == (1, 2)


def test_the_annotations_of_one_task_meet_from_several_files(tmp_path: Path) -> None:
    save(tmp_path / "1", stored(1, TEXT, annotation(1, region(0, 5, "OLD"), at=EARLY)))
    save(tmp_path / "2", stored(1, TEXT, annotation(2, region(0, 5, "NEW"), at=LATE)))
    result = read_annotations([tmp_path])
    assert only_spans(result) == (Span(0, 5, "NEW"),)
    assert dict(result.regions.dropped) == {"superseded-annotation": 1}


def test_annotations_without_an_id_are_not_copies_of_each_other(tmp_path: Path) -> None:
    first, second = annotation(1, region(0, 5, "OLD")), annotation(1, region(0, 5, "NEW"), at=LATE)
    del first["id"], second["id"]
    result = imported(tmp_path, task(1, TEXT, first, second))
    assert only_spans(result) == (Span(0, 5, "NEW"),)
    assert dict(result.regions.dropped) == {"superseded-annotation": 1}


def test_annotations_whose_id_is_null_are_not_copies_of_each_other(tmp_path: Path) -> None:
    first, second = annotation(None, region(0, 5, "OLD")), annotation(None, region(0, 5, "NEW"), at=LATE)
    result = imported(tmp_path, task(1, TEXT, first, second))
    assert dict(result.regions.dropped) == {"superseded-annotation": 1}


def test_tasks_of_one_id_in_two_projects_stay_two_documents(tmp_path: Path) -> None:
    other = task(1, "Another text", annotation(2, region(0, 7, "B"))) | {"project": 2}
    result = imported(tmp_path, task(1, TEXT, annotation(1, region(0, 5, "A"))), other)
    assert [(document.id, document.text) for document in result.documents] == [("1/1", TEXT), ("2/1", "Another text")]


def test_tasks_without_an_id_in_one_file_stay_separate(tmp_path: Path) -> None:
    path = save(tmp_path / "tasks.json", [{"data": {"text": "first"}}, {"data": {"text": "second"}}])
    assert sorted(document.text for document in read_texts([path])) == ["first", "second"]


def test_a_single_task_without_an_id_is_named_by_its_file(tmp_path: Path) -> None:
    path = save(tmp_path / "page-3.json", {"data": {"text": "first"}})
    assert [document.id for document in read_texts([path])] == ["page-3"]


def test_tasks_of_one_id_with_different_texts_are_never_silently_one(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [task(1, "Alnus", annotation(1, region(0, 5, "A")))])
    save(tmp_path / "b.json", [task(1, "Abies", annotation(2, region(0, 5, "B"), at=LATE))])
    try:
        result = read_annotations([tmp_path])
    except RequestError:
        return
    assert sorted(document.text for document in result.documents) == ["Abies", "Alnus"]


def test_entries_of_annotations_that_are_mere_ids_are_no_annotations(tmp_path: Path) -> None:
    content = task(1, TEXT, annotation(1, region(0, 5, "A")))
    content["annotations"].append(17)
    assert only_spans(imported(tmp_path, content)) == (Span(0, 5, "A"),)


# What a region is


def test_relations_and_choices_are_counted_by_kind_and_are_no_spans(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(
            1,
            TEXT,
            annotation(
                1,
                region(0, 5, "TAXA", name="r1"),
                {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right", "labels": ["grows_at"]},
                {"id": "c1", "type": "choices", "to_name": "text", "value": {"choices": ["good"]}},
                {"id": "t1", "type": "rating", "to_name": "text", "value": {"rating": 3}},
                "not even an object",
            ),
        ),
    )
    assert only_spans(result) == (Span(0, 5, "TAXA"),)
    assert dict(result.regions.dropped) == {
        "not-a-span: relation": 1,
        "not-a-span: choices": 1,
        "not-a-span: rating": 1,
        "not-a-span: unknown": 1,
    }
    assert result.regions.records_in == 5


def test_a_region_whose_value_is_no_object_is_counted_and_breaks_nothing(tmp_path: Path) -> None:
    odd = {"id": "x", "type": "custom", "value": [1, 2]}
    result = imported(tmp_path, task(1, TEXT, annotation(1, odd)))
    assert dict(result.regions.dropped) == {"not-a-span: custom": 1}


def test_a_region_with_several_labels_becomes_one_span_each(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, TEXT, annotation(1, region(0, 5, "TAXA", "PLANT"))))
    assert only_spans(result) == (Span(0, 5, "PLANT"), Span(0, 5, "TAXA"))
    assert result.regions.used == 1
    assert dict(result.regions.repaired) == {"several-labels": 1}


def test_a_label_named_twice_in_one_region_is_one_span(tmp_path: Path) -> None:
    assert only_spans(imported(tmp_path, task(1, TEXT, annotation(1, region(0, 5, "A", "A"))))) == (Span(0, 5, "A"),)


def test_a_region_without_a_label_is_dropped(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, TEXT, annotation(1, region(0, 5))))
    assert only_spans(result) == ()
    assert dict(result.regions.dropped) == {"no-label": 1}


def test_a_region_in_markup_with_path_offsets_is_dropped_for_that_reason(tmp_path: Path) -> None:
    markup = region("/div[1]/p[1]/text()[1]", "/div[1]/p[1]/text()[1]", "TAXA", said="Alnus")
    markup["value"] |= {"startOffset": 0, "endOffset": 5, "globalOffsets": {"start": 0, "end": 5}}
    result = imported(tmp_path, task(1, f"<div><p>{TEXT}</p></div>", annotation(1, markup)))
    assert only_spans(result) == ()
    assert dict(result.regions.dropped) == {"offsets-in-markup": 1}


def test_overlapping_nested_and_equal_regions_are_all_kept(tmp_path: Path) -> None:
    regions = [region(0, 10, "A"), region(0, 5, "B"), region(3, 12, "C"), region(0, 5, "B", name="r2")]
    result = imported(tmp_path, task(1, TEXT, annotation(1, *regions)))
    assert only_spans(result) == (Span(0, 5, "B"), Span(0, 5, "B"), Span(0, 10, "A"), Span(3, 12, "C"))


# Where a region lies


def test_offsets_are_code_points(tmp_path: Path) -> None:
    text = "👨‍👩‍👧‍👦 Carol 🇩🇪 𝐁𝐨𝐥𝐝 Dave"
    regions = [
        region(8, 13, "PER", said="Carol"),
        region(17, 21, "PER", said="𝐁𝐨𝐥𝐝"),
        region(22, 26, "PER", said="Dave"),
    ]
    result = imported(tmp_path, task(1, text, annotation(1, *regions)))
    (document,) = result.documents
    assert [document.surface(span) for span in document.spans or ()] == ["Carol", "𝐁𝐨𝐥𝐝", "Dave"]
    assert not result.regions.repaired


def test_utf16_offsets_are_repaired_region_by_region(tmp_path: Path) -> None:
    text = "😀 Alice met Bob in Paris"
    regions = [
        region(3, 8, "PER", said="Alice", name="utf16"),
        region(12, 15, "PER", said="Bob", name="code points"),
        region(20, 25, "LOC", said="Paris", name="utf16 again"),
    ]
    result = imported(tmp_path, task(1, text, annotation(1, *regions)))
    assert only_spans(result) == (Span(2, 7, "PER"), Span(12, 15, "PER"), Span(19, 24, "LOC"))
    assert dict(result.regions.repaired) == {"utf16-offsets": 2}


def test_utf16_offsets_past_the_last_code_point_are_repaired_too(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, "😀😀 Bob", annotation(1, region(5, 8, "PER", said="Bob"))))
    assert only_spans(result) == (Span(3, 6, "PER"),)


@pytest.mark.parametrize(("start", "end"), [(1, 5), (2, 3), (0, 40), (5, 8)])
def test_utf16_offsets_that_cut_or_miss_characters_are_no_repair(tmp_path: Path, start: int, end: int) -> None:
    result = imported(
        tmp_path, task(1, "😀😀 Bob was here", annotation(1, region(start, end, "PER", said="nothing"))), skip_bad=True
    )
    assert only_spans(result) == ()
    assert not result.regions.repaired


@settings(deadline=None, max_examples=100)
@given(st.permutations(list("abcdefg😀🎉𝐁𐍈é")), st.data())
def test_utf16_offsets_find_the_same_span_as_code_points(
    tmp_path_factory: pytest.TempPathFactory, letters: list[str], data: st.DataObject
) -> None:
    text = "".join(letters)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))

    def units(place: int) -> int:
        return len(text[:place].encode("utf-16-le")) // 2

    said = text[start:end]
    content = task(1, text, annotation(1, region(units(start), units(end), "A", said=said)))
    assert only_spans(imported(tmp_path_factory.mktemp("utf16"), content)) == (Span(start, end, "A"),)


@pytest.mark.parametrize(
    ("text", "start", "end", "said"),
    [
        ("Line one Alice\r\nLine two Bob", 9, 24, "Alice\\n\\nLine two"),
        ("Name:\tAlice\tCity:\tParis\n\nNext  para: Bob", 12, 35, "City: Paris\\n\\nNext para"),
        ("one\ntwo", 0, 7, "one\ntwo"),
        ("Bob\xa0Smith", 0, 9, "Bob Smith"),
    ],
)
def test_the_editors_rendering_of_line_ends_and_white_space_matches(
    tmp_path: Path, text: str, start: int, end: int, said: str
) -> None:
    result = imported(tmp_path, task(1, text, annotation(1, region(start, end, "A", said=said))))
    assert only_spans(result) == (Span(start, end, "A"),)
    assert not result.regions.repaired
    assert not result.regions.dropped


def test_a_region_whose_text_says_something_else_is_dropped_and_shown(tmp_path: Path) -> None:
    result = imported(
        tmp_path, task(1, TEXT, annotation(1, region(0, 5, "TAXA", said="Alnus"), region(6, 10, "X", said="near")))
    )
    assert only_spans(result) == (Span(0, 5, "TAXA"),)
    assert dict(result.regions.dropped) == {"text-mismatch": 1}
    assert "'near'" in result.regions.examples["text-mismatch"][0]


def test_a_region_without_its_text_is_taken_at_its_offsets(tmp_path: Path) -> None:
    assert only_spans(imported(tmp_path, task(1, TEXT, annotation(1, region(0, 5, "A"))))) == (Span(0, 5, "A"),)


def test_white_space_at_the_edges_is_cut_off_and_tallied(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, TEXT, annotation(1, region(5, 16, "A", said=" grew near "))))
    assert only_spans(result) == (Span(6, 15, "A"),)
    assert dict(result.regions.repaired) == {"edge-whitespace": 1}


def test_a_region_of_white_space_is_dropped_and_tallied(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, "a \n\t b", annotation(1, region(1, 5, "A", said=" "))))
    assert only_spans(result) == ()
    assert dict(result.regions.dropped) == {"whitespace-only": 1}


def test_all_regions_beyond_their_text_are_refused_at_once_with_path_task_and_region(tmp_path: Path) -> None:
    first = save(
        tmp_path / "a.json", [task(1, "short", annotation(1, region(0, 9999, "A", name="long"), region(0, 5, "A")))]
    )
    second = save(
        tmp_path / "b.json",
        [
            task(2, TEXT, annotation(2, region(3, 3, "A", name="empty"), region(-1, 3, "A", name="negative"))),
            task(3, TEXT, annotation(3, region(None, 5, "A", name="none"), region(1.0, 2.0, "A", name="float"))),
        ],
    )
    with pytest.raises(AnnotationError, match=r"Mend them in Label Studio.*--skip-bad") as error:
        read_annotations([tmp_path])
    assert [(problem.path, problem.task, problem.region) for problem in error.value.problems] == [
        (first, "1", "long"),
        (second, "2", "empty"),
        (second, "2", "negative"),
        (second, "3", "none"),
        (second, "3", "float"),
    ]
    assert "from 0 to 9999, but the text has 5 characters" in error.value.problems[0].what
    assert "from 3 to 3" in error.value.problems[1].what
    assert "no whole-number offsets" in error.value.problems[3].what


def test_bad_regions_are_tallied_with_skip_bad_and_the_good_ones_stay(tmp_path: Path) -> None:
    regions = [region(0, 9999, "A"), region(None, 5, "A"), region(0, 5, "A")]
    result = imported(tmp_path, task(1, TEXT, annotation(1, *regions)), skip_bad=True)
    assert only_spans(result) == (Span(0, 5, "A"),)
    assert dict(result.regions.dropped) == {"offsets-beyond-text": 1, "no-offsets": 1}
    assert result.regions.records_in == 3


def test_a_bad_region_of_an_annotation_that_does_not_count_is_no_obstacle(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(1, TEXT, annotation(1, region(0, 9999, "A")), annotation(2, region(0, 5, "A"), at=LATE)),
    )
    assert dict(result.regions.dropped) == {"superseded-annotation": 1}


def test_a_region_on_another_text_of_the_task_is_not_placed_in_this_one(tmp_path: Path) -> None:
    title = region(0, 5, "TITLE", said="Alnus", name="t", to_name="title")
    body = region(16, 26, "SITE", said="Lake Onega", name="b", to_name="text")
    result = imported(tmp_path, task(1, TEXT, annotation(1, body, title), title="Alnus in the North"))
    assert only_spans(result) == (Span(16, 26, "SITE"),)
    assert result.regions.records_in == 2


# Text key, group key, meta


def test_the_text_is_found_under_the_name_that_regions_point_to(tmp_path: Path) -> None:
    content = task(1, "a note", annotation(1, region(0, 5, "A", to_name="abstract")), abstract=TEXT)
    (document,) = imported(tmp_path, content).documents
    assert (document.text, document.meta["label_studio"]["data_key"]) == (TEXT, "abstract")
    assert document.meta["text"] == "a note"


def test_the_text_is_the_longest_string_when_no_key_says_so(tmp_path: Path) -> None:
    content = {"id": 1, "data": {"title": "Short", "body": TEXT, "year": 2026}, "annotations": [annotation(1)]}
    assert imported(tmp_path, content).documents[0].text == TEXT


def test_an_explicit_text_key_wins(tmp_path: Path) -> None:
    content = task(1, "under text", annotation(1), body="under body")
    assert imported(tmp_path, content, text_key="body").documents[0].text == "under body"


def test_all_tasks_without_the_text_key_are_refused_with_what_they_have(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--text-key") as error:
        imported(tmp_path, task(1, "a", annotation(1), n=5), task(2, "b", annotation(2)), text_key="body")
    assert [(problem.task, problem.allowed) for problem in error.value.problems] == [("1", ("text",)), ("2", ("text",))]
    assert 'no text under "body"' in error.value.problems[0].what


@pytest.mark.parametrize("data", [{}, {"text": "  \n"}, {"text": None}, {"year": 2026}])
def test_a_task_without_any_text_is_refused(tmp_path: Path, data: Mapping[str, Any]) -> None:
    content = {"id": 1, "data": dict(data), "annotations": [annotation(1)]}
    with pytest.raises(RequestError, match="The task data has no text"):
        imported(tmp_path, content)


def test_a_task_without_any_text_is_tallied_with_skip_bad(tmp_path: Path) -> None:
    bad = {"id": 1, "project": 1, "data": {"year": 2026}, "annotations": [annotation(1)]}
    result = imported(tmp_path, bad, task(2, TEXT, annotation(2)), skip_bad=True)
    assert [document.id for document in result.documents] == ["2"]
    assert dict(result.tasks.dropped) == {"no-text": 1}


def test_the_regions_of_a_task_without_text_are_counted_too(tmp_path: Path) -> None:
    bad = {
        "id": 1,
        "project": 1,
        "data": {"year": 2026},
        "annotations": [annotation(1, region(0, 1, "A"), region(1, 2, "A"))],
    }
    result = imported(tmp_path, bad, task(2, TEXT, annotation(2, region(0, 5, "A"))), skip_bad=True)
    assert result.regions.records_in == 3
    assert result.regions.used == 1


def test_a_missing_text_key_is_an_error_about_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        imported(tmp_path, task(1, "a", annotation(1)), text_key="body")


@pytest.mark.parametrize("place", range(len(GROUP_KEYS)))
def test_the_first_usual_group_key_that_every_task_has_names_the_groups(tmp_path: Path, place: int) -> None:
    present = {key: f"by {key}" for key in GROUP_KEYS[place:]}
    result = imported(tmp_path, task(1, "a", annotation(1), **present), task(2, "b", annotation(2), **present))
    assert result.group_key == GROUP_KEYS[place]
    assert {document.group for document in result.documents} == {f"by {GROUP_KEYS[place]}"}


def test_gdd_id_goes_before_doi_and_document_id() -> None:
    assert GROUP_KEYS.index("gdd_id") < GROUP_KEYS.index("document_id") < GROUP_KEYS.index("doi")


@pytest.mark.parametrize("gap", [None, ""])
def test_a_key_that_one_task_lacks_is_passed_over_for_the_next(tmp_path: Path, gap: str | None) -> None:
    result = imported(
        tmp_path,
        task(1, "a", annotation(1), gdd_id="G", doi="D1"),
        task(2, "b", annotation(2), gdd_id=gap, doi="D2"),
    )
    assert result.group_key == "doi"
    assert [document.group for document in result.documents] == ["D1", "D2"]


def test_without_a_group_key_every_task_is_its_own_group(tmp_path: Path) -> None:
    result = imported(tmp_path, task(1, "a", annotation(1), page=3), task(2, "b", annotation(2), page=3))
    assert result.group_key == ""
    assert [document.group for document in result.documents] == ["1", "2"]


def test_unlabelled_tasks_do_not_hide_the_group_key(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(1, "a", annotation(1), gdd_id="G"),
        task(2, "b", annotation(2), gdd_id="G"),
        task(3, "nobody labelled this one"),
    )
    assert [document.group for document in result.documents] == ["G", "G"]


def test_an_explicit_group_key_wins_and_numbers_are_groups_too(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(1, "a", annotation(1), gdd_id="G", page=0),
        task(2, "b", annotation(2), gdd_id="G", page=1),
        group_key="page",
    )
    assert result.group_key == "page"
    assert [document.group for document in result.documents] == ["0", "1"]


def test_an_explicit_group_key_that_tasks_lack_is_refused_with_the_keys_they_have(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--group-key") as error:
        imported(
            tmp_path,
            task(1, "a", annotation(1), article="A"),
            task(2, "b", annotation(2), page=1),
            task(3, "c", annotation(3), article=""),
            group_key="article",
        )
    assert [(problem.task, problem.allowed) for problem in error.value.problems] == [
        ("2", ("text", "page")),
        ("3", ("text", "article")),
    ]
    assert error.value.problems[0].path == tmp_path / "export.json"


def test_a_missing_group_key_is_an_error_about_the_data_that_skip_bad_is_no_remedy_for(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as error:
        imported(tmp_path, task(1, "a", annotation(1)), group_key="article", skip_bad=True)
    assert isinstance(error.value, DataError)
    assert "--skip-bad" not in str(error.value)


def test_meta_keeps_the_task_data_and_the_way_back_to_label_studio(tmp_path: Path) -> None:
    one = annotation(31, region(0, 5, "A", from_name="ner", to_name="body"), completed_by=4)
    content = {"id": 12, "project": 7, "data": {"body": TEXT, "doi": "10.1/x", "page": 3}, "annotations": [one]}
    (document,) = imported(tmp_path, content).documents
    assert document.meta == {
        "doi": "10.1/x",
        "page": 3,
        "label_studio": {
            "project": "7",
            "task": "12",
            "data_key": "body",
            "annotation": 31,
            "annotator": 4,
            "from_name": "ner",
            "to_name": "body",
        },
    }


@pytest.mark.parametrize(
    ("completed_by", "expected"),
    [
        (4, 4),
        ({"id": 4, "email": "carol@example.com", "first_name": ""}, "carol@example.com"),
        ({"id": 4, "email": ""}, 4),
        (None, None),
    ],
)
def test_the_annotator_is_an_email_where_there_is_one(tmp_path: Path, completed_by: Any, expected: Any) -> None:
    (document,) = imported(tmp_path, task(1, TEXT, annotation(1, completed_by=completed_by))).documents
    assert document.meta["label_studio"]["annotator"] == expected


def test_the_names_of_the_controls_come_from_the_first_entry_that_has_them(tmp_path: Path) -> None:
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    (document,) = imported(tmp_path, task(1, TEXT, annotation(1, relation, region(0, 5, "A")))).documents
    assert document.meta["label_studio"]["from_name"] == "label"
    (empty,) = imported(tmp_path, task(1, TEXT, annotation(1))).documents
    assert "from_name" not in empty.meta["label_studio"]


# Whole imports


def test_an_import_without_a_labelled_task_is_refused_with_the_tally(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No labelled task.*1 dropped \(unlabelled\).*Submit annotations"):
        imported(tmp_path, task(1, TEXT))


def test_the_tally_is_the_regions_with_files_and_tasks_beside_them(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        task(1, TEXT, annotation(1, region(0, 5, "A"), region(6, 10, "A", said="x"), region(10, 16, "B"))),
        task(2, "unread"),
    )
    tally = result.tally()
    assert {key: tally[key] for key in ("schema", "step", "unit", "in", "used", "repaired", "dropped")} == {
        "schema": 1,
        "step": "import",
        "unit": "region",
        "in": 3,
        "used": 2,
        "repaired": {"edge-whitespace": 1},
        "dropped": {"text-mismatch": 1},
    }
    assert (tally["files"]["unit"], tally["files"]["in"]) == ("file", 1)
    assert tally["tasks"]["dropped"] == {"unlabelled": 1}
    assert json.loads(json.dumps(tally)) == tally


def test_tasks_can_be_built_without_files() -> None:
    one = Task(Path("memory"), "1", "", {"text": TEXT}, (annotation(1, region(0, 5, "A")),))
    assert only_spans(build([one])) == (Span(0, 5, "A"),)


@pytest.mark.parametrize(
    "content",
    [
        [],
        5,
        [1, 2],
        {},
        {"id": 3, "task": 17, "result": []},
        {"data": "text"},
        {"data": {"text": "a"}, "annotations": 3},
        [{"data": {"text": "a"}}, {"text": "no data"}],
        {"text": "a", "label": [{"start": 0, "end": 1, "labels": ["A"]}], "annotation_id": 3},
    ],
)
def test_other_json_has_no_tasks(content: Any) -> None:
    assert tasks_in(content, Path("x")) is None


PIECES = st.sampled_from(["Alnus", "grew", " ", "\n", "😀", "Lake\r\nOnega", "\t", "𝐁"])


@st.composite
def exports(draw: st.DrawFn) -> list[Json]:
    """Tasks with annotations of every fate, regions anywhere, right or wrong."""
    tasks, number = [], 0
    for identity in range(draw(st.integers(1, 3))):
        text = "x" + "".join(draw(st.lists(PIECES, max_size=6)))
        annotations = []
        for _ in range(draw(st.integers(0, 3))):
            number += draw(st.integers(0, 1))
            result = []
            for _ in range(draw(st.integers(0, 4))):
                start, end = draw(st.integers(-1, len(text) + 2)), draw(st.integers(-1, len(text) + 2))
                said = draw(st.none() | st.just(text[max(start, 0) : max(end, 0)]) | PIECES)
                labels = draw(st.lists(st.sampled_from("AB"), max_size=2))
                odd = st.sampled_from([{"type": "relation"}, {"type": "choices", "value": {"choices": ["x"]}}])
                result.append(draw(st.just(region(start, end, *labels, said=said)) | odd))
            at = draw(st.sampled_from([EARLY, LATE]))
            annotations.append(annotation(number, *result, at=at, cancelled=draw(st.booleans())))
        tasks.append(task(identity, text, *annotations))
    tasks.append(task(99, TEXT, annotation(1_000, region(0, 5, "A"))))
    return tasks


@settings(deadline=None, max_examples=150)
@given(exports())
def test_every_region_and_task_is_counted_once_whatever_comes_in(
    tmp_path_factory: pytest.TempPathFactory, tasks: list[Json]
) -> None:
    result = imported(tmp_path_factory.mktemp("totals"), *tasks, skip_bad=True)
    entries = sum(len(one["result"]) for each in tasks for one in each["annotations"])
    assert result.regions.records_in == entries
    assert result.tasks.records_in == len(tasks)
    assert result.tasks.used == len(result.documents)
    for document in result.documents:
        for span in document.spans or ():
            assert document.surface(span) == document.surface(span).strip() != ""


@settings(deadline=None, max_examples=100)
@given(st.lists(PIECES, min_size=1, max_size=8).map("".join).filter(str.strip), st.data())
def test_spans_written_as_label_studio_writes_them_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject
) -> None:
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), st.sampled_from("AB"))
    filled = places.filter(
        lambda place: text[place[0] : place[1]] != "" and not set(text[place[0] : place[1]]) & set(" \r\n\t")
    )
    spans = sorted(Span(*place) for place in data.draw(st.lists(filled, max_size=4)))
    regions = [region(span.start, span.end, span.label, said=text[span.start : span.end]) for span in spans]
    result = imported(tmp_path_factory.mktemp("back"), task(1, text, annotation(1, *regions)))
    assert only_spans(result) == tuple(spans)
    assert not result.regions.repaired
