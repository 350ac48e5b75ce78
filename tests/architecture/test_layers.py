"""The rooms and their doors: who may import whom, and what may be imported where."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest
from importlinter.cli import lint_imports

from mt.cli import options
from mt.config import load

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
# Each foreign library has one adapter, so that it can be replaced in an afternoon.
ADAPTERS = {
    "datasets": "mt/data/",
    "ruamel": "mt/config.py",
    "sacrebleu": "mt/evaluation/metrics.py",
    "sentencepiece": "mt/text/",
}


def imports(path, everywhere):
    """List the top-level names that a file imports when it is loaded, or ever."""
    nodes = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]
        elif everywhere or not (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        ):
            nodes.extend(ast.iter_child_nodes(node))


def test_imports_go_only_downward(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    # It would silence all loggers that exist, for the tests after this one.
    monkeypatch.setattr("importlinter.cli._configure_logging", lambda _: None)
    code = lint_imports(no_cache=True)
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("room", ["text", "evaluation", "cli"])
def test_light_rooms_load_no_torch(room):
    for path in sorted((ROOT / "mt" / room).rglob("*.py")):
        assert "torch" not in imports(path, everywhere=False), path
    program = f"import sys, mt.{room}; print(sorted(sys.modules.keys() & {{'torch', 'numpy'}}))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_each_foreign_library_has_one_adapter():
    users = defaultdict(list)
    for path in sorted((ROOT / "mt").rglob("*.py")):
        for name in set(imports(path, everywhere=True)) & ADAPTERS.keys():
            users[name].append(path.relative_to(ROOT).as_posix())
    for name, paths in users.items():
        assert len(paths) == 1, f"{name}: {paths}"
        assert paths[0].startswith(ADAPTERS[name])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_is_valid(path):
    from mt.training.recipe import RecipeConfig

    load(RecipeConfig, path)


def test_the_door_offers_the_devices_there_are():
    from mt import hardware

    assert get_args(options.DeviceName) == get_args(hardware.DeviceName)
