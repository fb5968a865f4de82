"""Settings: TOML and back, the order of sources, and mistakes that are told all at once with key and remedy."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from spanwright.config import (
    OURS,
    EvaluateSettings,
    ImportSettings,
    PredictSettings,
    Section,
    Settings,
    SplitSettings,
    TrainSettings,
    WindowSettings,
    check,
    load,
    load_environment,
    write_initial,
)
from spanwright.errors import PathError, SettingsError

SECTIONS = (ImportSettings, SplitSettings, WindowSettings, TrainSettings, PredictSettings, EvaluateSettings, Settings)


@pytest.fixture(autouse=True)
def _environment(tmp_path_factory, monkeypatch) -> Iterator[None]:
    """Nothing of the caller's settings gets in, and nothing gets out."""
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("SPANWRIGHT__")]:
            del os.environ[name]
        yield


def written(folder: Path, text: str) -> Path:
    path = folder / "spanwright.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(values: dict[str, Any]) -> dict[str | None, str]:
    """What is said of each wrong key."""
    with pytest.raises(SettingsError) as error:
        check(values)
    said = {problem.key: str(problem) for problem in error.value.problems}
    assert len(said) == len(error.value.problems)
    return said


# Defaults and their description


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_section_and_every_field_has_a_description(section):
    assert section.__doc__
    for name, field in section.model_fields.items():
        is_section = isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        assert is_section or (field.description or "").endswith("."), name


def test_the_defaults_need_nothing():
    assert check({}) == Settings()
    assert load() == Settings()


def test_the_defaults_are_the_documented_ones():
    settings = check({})
    assert settings.output == Path("run")
    assert settings.split.ratios == {"train": 0.7, "validation": 0.15, "test": 0.15}
    assert (settings.windows.length, settings.windows.stride) == (256, 32)
    assert (settings.train.base_model, settings.train.epochs, settings.train.learning_rate) == (
        "builtin:minilm",
        "auto",
        "auto",
    )
    assert settings.evaluate.parts == ("train", "validation", "test")


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        check({}).train.epochs = 3


# Settings to TOML and back

WORDS = st.text(max_size=12)
PLAIN = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
KEYS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda key: key not in OURS)
NESTED = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
PATHS = st.lists(st.text("ab .é'\"\\", min_size=1, max_size=5), max_size=3).map("/".join)


@st.composite
def values(draw: st.DrawFn) -> dict[str, Any]:
    """Values for every field of every section."""
    train = draw(st.floats(0.01, 0.97))
    validation = draw(st.floats(0.01, 0.98 - train))
    return {
        "output": draw(PATHS),
        "import": {
            "sources": draw(st.lists(PATHS, max_size=3)),
            "group_key": draw(WORDS),
            "text_key": draw(WORDS),
            "skip_bad": draw(st.booleans()),
        },
        "split": {
            "train": train,
            "validation": validation,
            "test": 1 - train - validation,
            "seed": draw(st.integers()),
        },
        "windows": {"length": draw(st.integers(16, 10**6)), "stride": draw(st.integers(0, 15))},
        "train": {
            "base_model": draw(WORDS),
            "epochs": draw(st.just("auto") | st.integers(1)),
            "max_steps": draw(st.integers(0)),
            "learning_rate": draw(st.just("auto") | st.floats(0, exclude_min=True, allow_infinity=False)),
            "warmup": draw(st.floats(0, 1, exclude_max=True)),
            "weight_decay": draw(st.floats(0, allow_infinity=False)),
            "batch_tokens": draw(st.integers(1)),
            "whole_words": draw(st.just("auto") | st.booleans()),
            "attention_dropout": draw(st.floats(0, 1, exclude_max=True)),
            "seed": draw(st.integers()),
            "trainer": draw(st.dictionaries(KEYS, NESTED, max_size=3)),
        },
        "predict": {"batch_tokens": draw(st.integers(1))},
        "evaluate": {
            "parts": draw(st.lists(st.sampled_from(["train", "validation", "test"]), max_size=4)),
            "resamples": draw(st.integers(100)),
        },
    }


def test_the_property_test_varies_every_field():
    drawn: dict[str, set[str]] = {}

    @given(values())
    @examples(deadline=None, max_examples=1, database=None)
    def look(data: dict[str, Any]) -> None:
        drawn.update({key: set(value) for key, value in data.items() if isinstance(value, dict)})

    look()
    assert drawn == {key: set(value) for key, value in check({}).to_dict().items() if isinstance(value, dict)}


@given(values())
@examples(deadline=None, max_examples=150)
def test_any_settings_survive_the_way_through_toml(data):
    settings = check(data)
    assert check(tomllib.loads(settings.to_toml())) == settings


@given(values())
@examples(deadline=None, max_examples=40)
def test_any_settings_survive_the_way_through_plain_values(data):
    settings = check(data)
    assert check(settings.to_dict()) == settings


def test_no_limit_on_gradients_survives_the_way_through_toml():
    settings = check({"train": {"trainer": {"max_grad_norm": float("inf")}}})
    assert check(tomllib.loads(settings.to_toml())) == settings


def test_plain_values_have_the_names_of_the_file():
    data = check({"import": {"sources": ["a"]}}).to_dict()
    assert list(data) == ["output", "import", "split", "windows", "train", "predict", "evaluate"]
    assert (data["output"], data["import"]["sources"]) == ("run", ["a"])


def test_the_file_says_what_every_key_is_for():
    text = check({}).to_toml()
    for section in SECTIONS[:-1]:
        for name, field in section.model_fields.items():
            assert f"# {field.description}\n" in text, name
    assert "# Folder for everything that is written.\noutput = " in text


# Files


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path):
    settings = load(written(tmp_path, "[train]\nepochs = 3\n"))
    assert settings.train == TrainSettings(epochs=3)
    assert settings.split == SplitSettings()


def test_relative_paths_count_from_the_file(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    written(folder, 'output = "out"\n[import]\nsources = ["a.json", "../b", "/c"]\n')
    monkeypatch.chdir(tmp_path)
    settings = load(Path("project/spanwright.toml"))
    assert settings.output.resolve() == folder / "out"
    assert [path.resolve() for path in settings.import_.sources] == [folder / "a.json", tmp_path / "b", Path("/c")]


def test_relative_paths_given_elsewhere_count_from_the_current_folder(tmp_path):
    settings = load(written(tmp_path, ""), ["output=out", 'import.sources=["a"]'])
    assert (settings.output, settings.import_.sources) == (Path("out"), (Path("a"),))


def test_a_missing_file_is_refused_with_the_command_that_writes_one(tmp_path):
    with pytest.raises(PathError, match="spanwright init") as error:
        load(tmp_path / "spanwright.toml")
    assert error.value.problems[0].path == tmp_path / "spanwright.toml"


@pytest.mark.parametrize("content", [b"epochs = ", b"[train\n", b'output = "\xff"\n'])
def test_a_file_that_is_no_toml_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "spanwright.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"not valid TOML: .* See https://toml\.io") as error:
        load(path)
    assert error.value.problems[0].path == path


def test_a_source_that_is_no_text_is_a_mistake_and_not_left_out(tmp_path):
    with pytest.raises(SettingsError, match=r"import\.sources"):
        load(written(tmp_path, '[import]\nsources = ["a", 3]\n'))


def test_the_first_file_reads_back_as_the_defaults_with_a_place_for_annotations(tmp_path):
    path = write_initial(tmp_path / "new")
    assert path == tmp_path / "new" / "spanwright.toml"
    settings = load(path)
    assert settings.import_.sources == (tmp_path / "new" / "annotations",)
    assert settings.output == tmp_path / "new" / "run"
    assert settings.train == TrainSettings()


def test_the_first_file_never_takes_the_place_of_another(tmp_path):
    path = written(tmp_path, "output = 'mine'\n")
    with pytest.raises(PathError, match=r"already\. Edit it, or add --overwrite") as error:
        write_initial(tmp_path)
    assert error.value.problems[0].path == path
    assert path.read_text(encoding="utf-8") == "output = 'mine'\n"


def test_the_first_file_may_be_written_again_on_demand(tmp_path):
    path = written(tmp_path, "output = 'mine'\n")
    assert write_initial(tmp_path, overwrite=True) == path
    assert tomllib.loads(path.read_text(encoding="utf-8"))["output"] == "run"


# Overrides and the environment


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("train.epochs=3", 3),
        (" train.epochs = 3 ", 3),
        ("train.epochs=auto", "auto"),
        ('train.epochs="auto"', "auto"),
        ("train.learning_rate=5e-5", 5e-5),
        ("train.base_model=FacebookAI/roberta-base", "FacebookAI/roberta-base"),
        ("train.base_model=builtin:minilm", "builtin:minilm"),
        ("train.base_model=a=b", "a=b"),
        ("train.base_model=", ""),
        ("train.whole_words=true", True),
        ("train.trainer={bf16 = true}", {"bf16": True}),
        ("train.trainer.bf16=true", {"bf16": True}),
        ('evaluate.parts=["test"]', ("test",)),
        ("import.skip_bad=true", True),
    ],
)
def test_an_override_is_read_as_toml_or_else_taken_as_text(override, value):
    section, name = override.partition("=")[0].strip().split(".")[:2]
    settings = load(overrides=[override])
    found = getattr(settings.import_ if section == "import" else getattr(settings, section), name)
    assert found == value
    assert type(found) is type(value)


def test_the_last_override_of_a_key_wins():
    assert load(overrides=["train.epochs=3", "train.epochs=4"]).train.epochs == 4


@pytest.mark.parametrize("override", ["train.epochs", "", "=3", "  =3"])
def test_an_override_without_a_key_or_a_value_is_refused_with_an_example(override):
    with pytest.raises(SettingsError, match=r"is no setting\. Write section\.key=value, such as train\.epochs=3"):
        load(overrides=[override])


def test_all_malformed_overrides_are_told_at_once():
    with pytest.raises(SettingsError) as error:
        load(overrides=["epochs", "seed", "train.epochs=3"])
    assert "--set epochs " in str(error.value)
    assert "--set seed " in str(error.value)


def test_an_override_below_a_value_names_no_setting(tmp_path):
    with pytest.raises(SettingsError, match=r"Write section\.key=value") as error:
        load(written(tmp_path, "output = 'out'\n"), ["output.folder=3", "output.name=4"])
    assert [problem.key for problem in error.value.problems] == ["output.folder", "output.name"]


def test_a_wrong_override_is_told_together_with_a_wrong_key_of_the_file(tmp_path):
    path = written(tmp_path, "[split]\nsed = 1\n")
    with pytest.raises(SettingsError) as error:
        load(path, ["train.epochs=0", "train.batch_tokens=many"])
    assert {problem.key for problem in error.value.problems} == {"split.sed", "train.epochs", "train.batch_tokens"}


def test_the_environment_sets_keys_of_any_section(monkeypatch):
    monkeypatch.setenv("SPANWRIGHT__TRAIN__EPOCHS", "5")
    monkeypatch.setenv("SPANWRIGHT__TRAIN__BASE_MODEL", "org/model")
    monkeypatch.setenv("SPANWRIGHT__OUTPUT", "elsewhere")
    settings = load()
    assert (settings.train.epochs, settings.train.base_model, settings.output) == (5, "org/model", Path("elsewhere"))


def test_other_names_of_the_environment_are_left_alone(monkeypatch):
    monkeypatch.setenv("SPANWRIGHT_CORPORA", "/nowhere")
    monkeypatch.setenv("MY_SPANWRIGHT__TRAIN__EPOCHS", "5")
    assert load() == Settings()


def test_a_wrong_name_in_the_environment_is_a_mistake(monkeypatch):
    monkeypatch.setenv("SPANWRIGHT__TRAIN__EPOCH", "5")
    with pytest.raises(SettingsError, match=r"train\.epoch: There is no such setting.*Did you mean epochs\?"):
        load()


def test_later_sources_win(tmp_path, monkeypatch):
    path = written(tmp_path, "[train]\nepochs = 3\nseed = 3\nmax_steps = 3\n")
    monkeypatch.setenv("SPANWRIGHT__TRAIN__SEED", "5")
    monkeypatch.setenv("SPANWRIGHT__TRAIN__MAX_STEPS", "5")
    train = load(path, ["train.max_steps=6"]).train
    assert (train.epochs, train.seed, train.max_steps, train.warmup) == (3, 5, 6, 0.1)


def test_the_nearest_dotenv_file_upwards_fills_what_is_not_set(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("FAR=1\n", encoding="utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".env").write_text(
        "SPANWRIGHT__TRAIN__EPOCHS=7\nSPANWRIGHT__TRAIN__SEED=7\nMY_TOKEN='se cret'\nNO_VALUE\n", encoding="utf-8"
    )
    (tmp_path / "a" / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a" / "b")
    for name in ("FAR", "MY_TOKEN", "NO_VALUE"):
        os.environ.pop(name, None)
    monkeypatch.setenv("SPANWRIGHT__TRAIN__SEED", "8")
    load_environment()
    assert os.environ["MY_TOKEN"] == "se cret"
    assert "FAR" not in os.environ
    assert "NO_VALUE" not in os.environ
    assert (load().train.epochs, load().train.seed) == (7, 8)


def test_settings_are_loaded_from_the_dotenv_file_too(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("SPANWRIGHT__TRAIN__EPOCHS=7\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load().train.epochs == 7


def test_an_override_beats_the_dotenv_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("SPANWRIGHT__TRAIN__EPOCHS=7\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    load_environment()
    assert load(overrides=["train.epochs=9"]).train.epochs == 9


def test_an_empty_dotenv_file_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    load_environment()
    assert dict(os.environ) == before


# Mistakes


def test_all_mistakes_are_told_at_once_with_key_and_path(tmp_path):
    path = written(
        tmp_path,
        "outptu = 'x'\n[train]\nepochs = 0\nwarmup = 1.5\n[windows]\nlength = 8\n[evaluate]\nparts = ['dev']\n",
    )
    with pytest.raises(SettingsError, match=r"have 5 mistake") as error:
        load(path)
    problems = {problem.key: problem for problem in error.value.problems}
    assert set(problems) == {"outptu", "train.epochs", "train.warmup", "windows.length", "evaluate.parts.0"}
    assert {problem.path for problem in problems.values()} == {path}
    assert error.value.exit_code == 2


def test_a_wrong_value_is_told_with_what_is_allowed_and_what_it_is():
    said = mistakes({"windows": {"length": 8}, "evaluate": {"parts": ["dev"]}, "train": {"warmup": 1}})
    assert "greater than or equal to 16, but the value is 8." in said["windows.length"]
    assert "'train', 'validation' or 'test', but the value is 'dev'." in said["evaluate.parts.0"]
    assert "less than 1, but the value is 1." in said["train.warmup"]


@pytest.mark.parametrize(
    ("values", "key", "near", "allowed"),
    [
        ({"train": {"epoch": 3}}, "train.epoch", "epochs", "learning_rate"),
        ({"import": {"source": []}}, "import.source", "sources", "group_key"),
        ({"trian": {}}, "trian", "train", "import"),
        ({"windows": {"Stride": 3}}, "windows.Stride", "stride", "length"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_one_and_all_allowed_ones(values, key, near, allowed):
    with pytest.raises(SettingsError, match=f"There is no such setting.*Did you mean {near}\\?") as error:
        check(values)
    (problem,) = error.value.problems
    assert problem.key == key
    assert {near, allowed} <= set(problem.allowed)


def test_an_unknown_key_that_is_near_to_nothing_gets_no_guess():
    said = mistakes({"predict": {"zzz": 1}})
    assert said == {"predict.zzz": "predict.zzz: There is no such setting. Allowed: batch_tokens."}


@pytest.mark.parametrize("name", ["int", "float", "bool", "literal[x", "constrained-int"])
def test_an_unknown_key_is_named_whatever_it_is_called(name):
    assert set(mistakes({name: 3})) == {name}
    assert set(mistakes({"train": {name: 3}})) == {f"train.{name}"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("epochs", "many"),
        ("epochs", 2.5),
        ("learning_rate", 0),
        ("learning_rate", "fast"),
        ("whole_words", "sometimes"),
        ("whole_words", 7),
    ],
)
def test_a_value_that_is_neither_auto_nor_right_is_one_mistake(key, value):
    said = mistakes({"train": {key: value}})
    assert set(said) == {f"train.{key}"}
    assert "'auto'" in said[f"train.{key}"]
    assert said[f"train.{key}"].endswith(f"but the value is {value!r}.")
    assert said[f"train.{key}"].count("but the value is") == 1


def test_a_section_that_is_no_table_is_a_mistake():
    assert set(mistakes({"train": 3, "split": "x"})) == {"train", "split"}


@pytest.mark.parametrize(
    ("split", "total"),
    [
        ({"train": 0.8}, "1.1"),
        ({"train": 0.5, "validation": 0.2, "test": 0.2}, "0.9"),
        ({"train": 0.7, "validation": 0.15, "test": 0.15001}, "1.00001"),
    ],
)
def test_the_shares_must_add_up_to_one(split, total):
    said = mistakes({"split": split})
    assert f"Train, validation and test must add up to 1, but add up to {total}" in said["split"]


def test_shares_may_add_up_to_one_as_floats_do():
    assert check({"split": {"train": 0.1 + 0.2, "validation": 0.3, "test": 0.4}}).split.train == 0.1 + 0.2


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_every_part_needs_a_share(share):
    assert "split.test" in mistakes({"split": {"train": 0.5, "validation": 0.5, "test": share}})


@pytest.mark.parametrize("field", sorted(OURS))
def test_a_field_of_the_trainer_that_is_ours_is_refused_by_name_with_what_to_use(field):
    said = mistakes({"train": {"trainer": {field: 1, "bf16": True}}})
    assert f"{field} (use {OURS[field]})" in said["train.trainer"]


def test_all_conflicting_fields_of_the_trainer_are_told_together():
    said = mistakes({"train": {"trainer": {"output_dir": "x", "bf16": True, "seed": 1}}})
    assert "output_dir (use the -o option); seed (use train.seed)" in said["train.trainer"]
    assert "bf16 (" not in said["train.trainer"]


def test_other_fields_of_the_trainer_are_kept_as_they_are():
    assert check({"train": {"trainer": {"bf16": True, "optim": "adafactor"}}}).train.trainer == {
        "bf16": True,
        "optim": "adafactor",
    }


def test_the_settings_that_replace_a_field_of_the_trainer_exist():
    for answer in OURS.values():
        if answer.startswith(("train.", "predict.")):
            section, name = answer.split(" ")[0].split(".")
            assert name in type(getattr(Settings(), section)).model_fields


def test_a_stride_that_does_not_fit_the_window_is_refused():
    said = mistakes({"windows": {"length": 32, "stride": 32}})
    assert "Stride must be below length" in said["windows"]


def test_a_wrong_value_of_an_override_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(SettingsError) as error:
        load(written(tmp_path, "[train]\nepochs = 3\n"), ["train.epochs=0"])
    [problem] = error.value.problems
    assert problem.path == "--set train.epochs=0"
