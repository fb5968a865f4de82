"""Hashes, writing all at once or not at all, and the checks of paths that a command gets."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from spanwright.errors import PathError
from spanwright.files import (
    replace_folder,
    replacing,
    require_empty,
    require_exists,
    require_new,
    sha256_of,
    write_json,
)


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def folder_with(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class StopError(Exception):
    """Raised in a block to make it fail."""


def fail_after(_: object, error: type[BaseException]) -> None:
    """Raise the error, once the first argument has been worked out."""
    raise error


def test_the_hash_of_a_file_is_the_one_that_sha256sum_prints(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_hash_of_a_folder_is_over_sorted_names_and_contents(tmp_path):
    folder = folder_with(tmp_path / "f", b="2", a="1")
    listing = f"a\0{hashlib.sha256(b'1').hexdigest()}\nb\0{hashlib.sha256(b'2').hexdigest()}\n"
    assert sha256_of(folder) == hashlib.sha256(listing.encode()).hexdigest()


def test_the_hash_of_a_folder_does_not_depend_on_where_it_lies(tmp_path):
    one, two = folder_with(tmp_path / "one", a="1"), folder_with(tmp_path / "deep" / "two", a="1")
    assert sha256_of(one) == sha256_of(two)


def test_the_hash_of_a_folder_sees_a_new_name_new_content_and_what_lies_deeper(tmp_path):
    folder = folder_with(tmp_path / "f", a="1")
    hashes = [sha256_of(folder)]
    (folder / "a").rename(folder / "b")
    hashes.append(sha256_of(folder))
    (folder / "b").write_text("2", encoding="utf-8")
    hashes.append(sha256_of(folder))
    folder_with(folder / "sub", c="3")
    hashes.append(sha256_of(folder))
    assert len(set(hashes)) == 4


def test_a_missing_path_has_no_hash(tmp_path):
    with pytest.raises((OSError, PathError)):
        sha256_of(tmp_path / "missing")


def test_replacing_puts_the_new_content_in_place(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with replacing(path) as stream:
        stream.write("Zoë\r\n\n")
    assert path.read_bytes() == b"Zo\xc3\xab\r\n\n"
    assert names_in(path.parent) == ["a.txt"]


def test_replacing_shows_the_old_content_until_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with replacing(path) as stream:
        stream.write("new")
        stream.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_replacing_leaves_the_old_content_and_no_other_file_when_the_block_fails(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(error), replacing(path) as stream:
        fail_after(stream.write("half"), error)
    assert path.read_text(encoding="utf-8") == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_replacing_writes_nothing_new_when_the_block_fails(tmp_path):
    with pytest.raises(StopError), replacing(tmp_path / "a.txt"):
        raise StopError
    assert names_in(tmp_path) == []


def test_replacing_writes_bytes(tmp_path):
    with replacing(tmp_path / "a", "wb") as stream:
        stream.write(b"\xff\x00")
    assert (tmp_path / "a").read_bytes() == b"\xff\x00"


def test_json_is_readable_and_ends_with_a_line_break(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Zoë", "n": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "name": "Zoë",\n  "n": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize("data", [{"a": float("nan")}, {"a": object()}])
def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path, data):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", data)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == [1]
    assert names_in(tmp_path) == ["a.json"]


def test_a_finished_folder_takes_the_place_of_nothing(tmp_path):
    replace_folder(folder_with(tmp_path / "finished", a="new"), tmp_path / "target")
    assert names_in(tmp_path) == ["target"]
    assert (tmp_path / "target" / "a").read_text(encoding="utf-8") == "new"


def test_a_finished_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path):
    target = folder_with(tmp_path / "target", a="old", b="old")
    replace_folder(folder_with(tmp_path / "finished", a="new"), target)
    assert names_in(tmp_path) == ["target"]
    assert names_in(target) == ["a"]
    assert (target / "a").read_text(encoding="utf-8") == "new"


def test_what_an_interrupted_replacement_left_behind_is_in_nobodys_way(tmp_path):
    folder_with(tmp_path / ".target.old", z="oldest")
    target = folder_with(tmp_path / "target", a="old")
    replace_folder(folder_with(tmp_path / "finished", a="new"), target)
    assert names_in(tmp_path) == ["target"]


def test_the_old_folder_stays_when_there_is_no_finished_one(tmp_path):
    target = folder_with(tmp_path / "target", a="old")
    with pytest.raises((OSError, PathError)):
        replace_folder(tmp_path / "missing", target)
    assert (target / "a").read_text(encoding="utf-8") == "old"


def test_an_existing_path_is_returned(tmp_path):
    assert require_exists(tmp_path, "The data") == tmp_path


def test_a_missing_path_names_what_lies_beside_it(tmp_path):
    folder = folder_with(tmp_path / "f", **{"b.txt": "", "a.txt": "", ".hidden": ""})
    with pytest.raises(PathError, match=r"The input does not exist\. The folder .*f has: a\.txt, b\.txt\.") as error:
        require_exists(folder / "c.txt", "The input")
    assert error.value.problems[0].path == folder / "c.txt"


def test_a_missing_path_names_at_most_eight_neighbors(tmp_path):
    folder = folder_with(tmp_path / "f", **{f"{number:02}": "" for number in range(12)})
    with pytest.raises(PathError, match=r"has: 00, 01, 02, 03, 04, 05, 06, 07\.$"):
        require_exists(folder / "x", "The input")


def test_a_missing_path_in_an_empty_folder_says_so(tmp_path):
    with pytest.raises(PathError, match=r"is empty\.$"):
        require_exists(tmp_path / "x", "The input")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(PathError, match=r"nor does the folder .*nowhere\. Check the path\."):
        require_exists(tmp_path / "nowhere" / "x", "The input")


def test_a_path_below_a_file_is_missing_too(tmp_path):
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    with pytest.raises(PathError, match="does not exist"):
        require_exists(tmp_path / "a.txt" / "x", "The input")


def test_a_missing_relative_path_names_the_current_folder(tmp_path, monkeypatch):
    folder_with(tmp_path / "here", a="")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(PathError, match=r"The folder .*here has: a\."):
        require_exists(Path("x"), "The input")


def test_a_missing_or_empty_folder_may_be_written_to(tmp_path):
    assert require_empty(tmp_path / "new") == tmp_path / "new"
    assert require_empty(tmp_path) == tmp_path


def test_a_folder_with_something_in_it_is_refused_and_untouched(tmp_path):
    folder = folder_with(tmp_path / "f", a="1")
    with pytest.raises(PathError, match=r"not empty, .* add --overwrite to replace") as error:
        require_empty(folder)
    assert error.value.problems[0].path == folder
    assert names_in(folder) == ["a"]


def test_a_folder_with_something_in_it_is_allowed_on_demand(tmp_path):
    folder = folder_with(tmp_path / "f", a="1")
    assert require_empty(folder, overwrite=True) == folder
    assert names_in(folder) == ["a"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_never_an_output_folder(tmp_path, overwrite):
    (tmp_path / "a").write_text("", encoding="utf-8")
    with pytest.raises(PathError, match=r"must be a folder, .* Choose another name"):
        require_empty(tmp_path / "a", overwrite)


def test_the_temporary_name_is_hidden_and_in_the_same_folder(tmp_path):
    with replacing(tmp_path / "a.txt"):
        assert names_in(tmp_path) == [f".a.txt.{os.getpid()}.tmp"]


def test_require_new_lets_a_new_name_through_and_an_old_one_when_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    assert require_new(tmp_path / "new") == tmp_path / "new"
    assert require_new(tmp_path / "old", overwrite=True) == tmp_path / "old"
    with pytest.raises(PathError, match="--overwrite"):
        require_new(tmp_path / "old")
    with pytest.raises(PathError, match="must be a file"):
        require_new(tmp_path, overwrite=True)


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch) -> None:
    target, finished = folder_with(tmp_path / "target", old="1"), folder_with(tmp_path / "finished", new="2")
    rename = Path.replace

    def refuse(path: Path, to: Path) -> Path:
        if path == finished:
            raise PermissionError(to)
        return rename(path, to)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        replace_folder(finished, target)
    assert names_in(target) == ["old"]
    assert names_in(finished) == ["new"]
