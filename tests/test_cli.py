"""The command line as a stranger meets it: wrong paths, broken files, things in the way, the same command twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tiny
from conftest import Spanwright
from spanwright.document import Document, Span
from spanwright.formats import read_documents, write_documents
from spanwright.labels import LabelSet
from spanwright.pipeline import samples

COMMANDS = ("demo", "init", "run", "import", "split", "train", "predict", "evaluate", "score")


def export(folder: Path, end: int = 5) -> Path:
    """A Label Studio export of one task with one region."""
    value = {"start": 0, "end": end, "text": "Pinus", "labels": ["TAXA"]}
    region = {"id": "r1", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    task = {"id": 7, "data": {"text": "Pinus grew."}, "annotations": [{"id": 1, "result": [region]}]}
    path = folder / "export.json"
    path.write_text(json.dumps([task]), encoding="utf-8")
    return path


def corpus(path: Path, groups: int = 4) -> Path:
    """A documents file."""
    texts = (f"Pinus grew at Lake {number}." for number in range(groups))
    write_documents(path, [Document(f"d{n}", text, (Span(0, 5, "TAXA"),)) for n, text in enumerate(texts)])
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(spanwright: Spanwright, command: str) -> None:
    done = spanwright(command, "--help")
    assert done.code == 0
    assert f"Example: spanwright {command}" in done.out


def test_the_list_of_commands_is_what_help_shows(spanwright: Spanwright) -> None:
    listed = [line.split()[0] for line in spanwright("--help").out.split("Commands:")[1].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere.json"], ["nowhere.json", "does not exist"]),
        (["import", "empty.json"], ["empty.json", "empty"]),
        (["import", "truncated.json"], ["truncated.json", "breaks off", "Export or download the file again"]),
        (["import", "notes.txt"], ["notes.txt", "choose Export, JSON"]),
        (["import", "other.json"], ["other.json", "neither a Label Studio export"]),
        (["import", "beyond.json"], ["beyond.json", "task 7", "region r1", "11 characters", "--skip-bad"]),
        (["import", "nothing"], ["nothing", "no files"]),
        (["split", "nowhere.jsonl"], ["nowhere.jsonl", "does not exist"]),
        (["split", "two.jsonl"], ["at least three groups", "--group-key"]),
        (["split", "broken.jsonl"], ["broken.jsonl", "line 2", "not valid JSON"]),
        (["split", "four.jsonl", "--group-key", "article"], ["article", "--group-key"]),
        (["split", "four.jsonl", "--set", "split.trian=0.5"], ["split.trian", "Did you mean train?"]),
        (["split", "four.jsonl", "--set", "split.train=0.9"], ["add up to 1"]),
        (["train", "nowhere"], ["nowhere", "does not exist"]),
        (["train", "full"], ["train.jsonl", "does not exist"]),
        (["train", "parts", "--base-model", "./nowhere"], ["nowhere", "Check the path"]),
        (["train", "parts", "--resume"], ["no interrupted training", "Leave out --resume"]),
        (["predict", "nowhere/model", "four.jsonl"], ["nowhere/model", "Hugging Face Hub"]),
        (["predict", "./model", "four.jsonl"], ["model", "does not exist"]),
        (["predict", "builtin:minilm", "four.jsonl"], ["Train it first"]),
        (["evaluate", "full", "four.jsonl"], ["full", "config.json"]),
        (["score", "four.jsonl", "two.jsonl"], ["do not belong together", "d2"]),
        (["score", "unlabelled.jsonl", "four.jsonl"], ["unlabelled.jsonl", "1 document(s) that nobody has labelled", "d0"]),
        (["run"], ["spanwright.toml", "spanwright init"]),
        (["run", "bad.toml"], ["not valid TOML"]),
        (["run", "wrong.toml"], ["train.epochs", "nonsense", "split.seed"]),
        (["run", "nosource.toml"], ["import.sources"]),
    ],
)  # fmt: skip
def test_a_wrong_request_gets_a_message_exit_code_2_and_leaves_no_output(
    spanwright: Spanwright, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    export(tmp_path)
    whole = (tmp_path / "export.json").read_text()
    export(tmp_path, end=99).rename(tmp_path / "beyond.json")
    (tmp_path / "empty.json").touch()
    (tmp_path / "truncated.json").write_text(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("Just a note.")
    (tmp_path / "other.json").write_text('{"name": "package", "version": 1}')
    (tmp_path / "nothing").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("mine")
    corpus(tmp_path / "two.jsonl", 2)
    corpus(tmp_path / "four.jsonl", 4)
    write_documents(tmp_path / "unlabelled.jsonl", [Document("d0", "Pinus")])
    (tmp_path / "parts").mkdir()
    for part in ("train", "validation"):
        corpus(tmp_path / "parts" / f"{part}.jsonl")
    (tmp_path / "broken.jsonl").write_text((tmp_path / "two.jsonl").read_text().replace('{"id":"d1"', '{"id":"d1'))
    (tmp_path / "bad.toml").write_text("[train\n")
    (tmp_path / "wrong.toml").write_text('nonsense = 1\n[train]\nepochs = "many"\n[split]\nseed = "x"\n')
    (tmp_path / "nosource.toml").write_text("[train]\nepochs = 1\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = spanwright(*arguments, cwd=tmp_path)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        (["import", "export.json", "-o", "there.jsonl"], "there.jsonl"),
        (["split", "four.jsonl", "-o", "there"], "there/keep.txt"),
        (["train", "data", "-o", "there"], "there/keep.txt"),
        (["predict", "model", "four.jsonl", "-o", "there.jsonl"], "there.jsonl"),
        (["evaluate", "model", "four.jsonl", "-o", "results"], "results/model_four/keep.txt"),
        (["score", "four.jsonl", "four.jsonl", "-o", "results"], "results/four_four/keep.txt"),
        (["demo", "-o", "there"], "there/keep.txt"),
        (["run", "run.toml"], "there/keep.txt"),
        (["init"], "spanwright.toml"),
    ],
)
def test_what_is_at_the_output_already_is_left_as_it_was(
    spanwright: Spanwright, tmp_path: Path, arguments: list[str], there: str
) -> None:
    export(tmp_path)
    corpus(tmp_path / "four.jsonl", 4)
    (tmp_path / "run.toml").write_text('output = "there"\n[import]\nsources = ["export.json"]\n')
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("mine")
    done = spanwright(*arguments, cwd=tmp_path)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert Path(there).name in done.err or Path(there).parent.name in done.err
    assert (tmp_path / there).read_text() == "mine"


def test_skip_bad_goes_on_and_counts(spanwright: Spanwright, tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "export.json").rename(tmp_path / "annotations" / "good")
    (tmp_path / "annotations" / "bad").write_text("{")
    assert spanwright("import", "annotations", cwd=tmp_path).code == 2
    done = spanwright("import", "annotations", "--skip-bad", "--json", cwd=tmp_path)
    assert done.code == 0
    assert json.loads(done.out)["files"]["dropped"] == {"unreadable": 1}
    assert len(read_documents(tmp_path / "documents.jsonl")) == 1


def test_json_goes_to_standard_output_and_words_to_standard_error(spanwright: Spanwright, tmp_path: Path) -> None:
    corpus(tmp_path / "gold.jsonl")
    done = spanwright("score", "gold.jsonl", "gold.jsonl", "--json", cwd=tmp_path)
    assert json.loads(done.out)["overall"]["strict"]["f1"] == 1.0
    assert "The report is in" in done.err
    assert (tmp_path / "results" / "report.html").is_file()
    split = spanwright("split", "gold.jsonl", "-o", "data", "--json", cwd=tmp_path)
    assert sum(json.loads(split.out)["documents"].values()) == 4


def test_init_writes_settings_that_run_reads(spanwright: Spanwright, tmp_path: Path) -> None:
    assert spanwright("init", cwd=tmp_path).code == 0
    done = spanwright("run", cwd=tmp_path)
    assert done.code == 2
    assert "annotations" in done.err, "the sources that init proposes do not exist yet"


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ["torch", "transformers", "numpy", "pydantic", "matplotlib"]),
        (["split", "--help"], ["torch", "transformers", "numpy"]),
        (["split", "gold.jsonl"], ["torch", "transformers"]),
        (["score", "gold.jsonl", "gold.jsonl"], ["torch", "transformers"]),
        (["import", "export.json"], ["torch", "transformers", "matplotlib"]),
    ],
)
def test_light_commands_do_not_import_heavy_libraries(tmp_path: Path, arguments: list[str], absent: list[str]) -> None:
    corpus(tmp_path / "gold.jsonl")
    export(tmp_path)
    code = (
        "import sys\nsys.argv = ['spanwright', *sys.argv[1:]]\nfrom spanwright.cli import main\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert not error.code, error.code\n"
        f"found = [name for name in {absent!r} if name in sys.modules]\nassert not found, found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_ctrl_c_in_training_says_how_to_go_on_and_going_on_works(spanwright: Spanwright, tmp_path: Path) -> None:
    encoder = tiny.checkpoint(tmp_path / "encoder", LabelSet(("OTHER",)), spread=0.05)
    (tmp_path / "data").mkdir()
    corpus(tmp_path / "data" / "train.jsonl", 120)
    corpus(tmp_path / "data" / "validation.jsonl", 3)
    arguments = ["train", "data", "-o", "model", "--base-model", str(encoder), "--set", "train.epochs=8"]
    arguments += ["--set", "train.batch_tokens=64"]
    command = [sys.executable, "-m", "spanwright", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if line.startswith("Epoch"):
                process.send_signal(signal.SIGINT)
                break
        said += process.stderr.read()
        assert process.wait(timeout=120) == 1, said
    assert "--resume" in said
    assert "Traceback" not in said
    assert not (tmp_path / "model").exists()
    assert "Traceback" in (tmp_path / "model.partial" / "log.txt").read_text()

    again = spanwright(*arguments, cwd=tmp_path)
    assert again.code == 2
    assert "--resume" in again.err
    other = spanwright(*arguments, "--set", "train.seed=1", "--resume", cwd=tmp_path)
    assert other.code == 2
    assert "other settings" in other.err
    resumed = spanwright(*arguments, "--resume", cwd=tmp_path)
    assert resumed.code == 0, resumed.err
    assert "Going on from checkpoint" in resumed.err
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert not (tmp_path / "model.partial").exists()


def test_a_training_that_dies_leaves_its_traceback_in_the_log(spanwright: Spanwright, tmp_path: Path) -> None:
    encoder = tiny.checkpoint(tmp_path / "encoder", LabelSet(("OTHER",)))
    (tmp_path / "data").mkdir()
    for part in ("train", "validation"):
        corpus(tmp_path / "data" / f"{part}.jsonl")
    arguments = ["--base-model", str(encoder), "--set", 'train.trainer.lr_scheduler_type="no_such_schedule"']
    done = spanwright("train", "data", *arguments, cwd=tmp_path)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "log.txt" in done.err
    assert "no_such_schedule" in (tmp_path / "model.partial" / "log.txt").read_text()


def test_the_samples_import_and_split_in_two_commands(spanwright: Spanwright, tmp_path: Path) -> None:
    started = time.time()
    assert spanwright("import", samples(), cwd=tmp_path).code == 0
    assert spanwright("split", "documents.jsonl", cwd=tmp_path).code == 0
    written = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.stat().st_mtime >= started - 2
    }
    assert {
        "documents.jsonl",
        "import.tally.json",
        "data/train.jsonl",
        "data/split.json",
        "data/split.tally.json",
    } <= written


def test_documents_without_any_span_are_scored_and_shown(spanwright: Spanwright, tmp_path: Path) -> None:
    write_documents(tmp_path / "gold.jsonl", [Document(f"d{n}", "Nothing here.", ()) for n in range(3)])
    done = spanwright("score", "gold.jsonl", "gold.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "Entity F1 0.000 (no interval: nothing to count)" in done.err
    assert (tmp_path / "results" / "report.html").is_file()


def test_a_label_that_looks_like_markup_is_shown_as_it_is(spanwright: Spanwright, tmp_path: Path) -> None:
    write_documents(tmp_path / "gold.jsonl", [Document("d", "Pinus", (Span(0, 5, "[red]TAXA[/]"),))])
    done = spanwright("score", "gold.jsonl", "gold.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "[red]TAXA[/]" in done.err
