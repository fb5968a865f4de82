"""The documentation is true: the tree, the commands, the settings, the public names, the links."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
import typer

import spanwright
from spanwright.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
GENERATED = {"__pycache__"}


def code_blocks(page: str, language: str = "") -> list[str]:
    """The fenced blocks of a language, fences left out."""
    fences = re.split(r"^```(.*)$\n?", page, flags=re.MULTILINE)
    return [body for opening, body in zip(fences[1::4], fences[2::4], strict=True) if opening == language]


def command_lines(page: str) -> list[str]:
    return [line for block in code_blocks(page) for line in block.splitlines() if line.startswith("spanwright ")]


def test_the_tree_in_the_readme_is_the_tree_on_disk() -> None:
    [tree] = [block for block in code_blocks(README) if block.startswith("src/spanwright/")]
    listed, stack = set(), []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        stack = [*stack[:depth], line.split()[0].rstrip("/")]
        listed.add("/".join(stack))
    package = ROOT / "src" / "spanwright"
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for path in [package, *package.iterdir(), *(p for p in package.rglob("*.py"))]
        if path.name not in GENERATED
    }
    on_disk |= {path for path in listed if (ROOT / path).exists() and not path.startswith("src/")}
    on_disk |= {"src/spanwright/report/templates"}
    assert listed == on_disk


@pytest.mark.parametrize("line", [line for page in PAGES for line in command_lines(page.read_text(encoding="utf-8"))])
def test_commands_in_the_documentation_parse(line: str) -> None:
    name, *arguments = shlex.split(line.split(" #")[0])[1:]
    command = typer.main.get_command(app).commands[name]
    command.make_context(name, arguments)  # raises when an option or argument is unknown or missing


def test_every_command_is_in_the_readme() -> None:
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert re.search(rf"(spanwright|make) {name}\b", README), name


def test_the_reference_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "docs" / "build_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text(encoding="utf-8") == module.reference(), "run docs/build_reference.py"


def test_the_python_example_of_the_readme_runs(small_run: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    [example] = code_blocks(README, "python")
    monkeypatch.chdir(small_run.parent)
    assert small_run.name == "demo"
    exec(compile(example, "README.md", "exec"), {})
    score = json.loads((small_run / "results/model_test/evaluation.json").read_text())["overall"]["strict"]["f1"]
    assert float(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(score)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_changelog_has_this_version() -> None:
    assert f"## {spanwright.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_public_name_can_be_imported_and_has_a_docstring() -> None:
    for name in spanwright.__all__:
        assert getattr(spanwright, name).__doc__, name
    assert set(spanwright.__all__) <= set(dir(spanwright))
    with pytest.raises(AttributeError, match="nothing"):
        spanwright.nothing  # noqa: B018


def test_make_sets_up_what_the_readme_promises() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_dependency_is_pinned() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.\-]+==[\w.]+", pin) for pin in pins)
    assert "torch==2.13.0" in pins
