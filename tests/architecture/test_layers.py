"""The rooms: who may import whom, what may be imported where, and what importing changes."""

import ast
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from mt.config import load
from tests.tiny import environment

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
# Each foreign library has one adapter, so that it can be replaced in an afternoon.
# SentencePiece's is two files: one uses a tokenizer, one learns it.
ADAPTERS = {
    "backports": "mt/compression.py",
    "comet": "mt/evaluation/comet.py",
    "datasets": "mt/data/",
    "py3langid": "mt/data/filters/language.py",
    "regex": "mt/data/filters/letters.py",
    "fsspec": "mt/lines.py",
    "pyarrow": "mt/bulk/parquet.py",
    "lxml": "mt/data/corpora/markup.py",
    "ruamel": "mt/yaml.py",
    "sacrebleu": "mt/evaluation/metrics.py",
    "sentencepiece": "mt/text/tokenizer",
    "tabulate": "mt/evaluation/tables.py",
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


RUN = """
import sys
from mt.cli.main import main
status = 0
try:
    main()
except SystemExit as left:
    status = left.code
print("torch" if "torch" in sys.modules else "light", file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the commands below read: a text, links, and a model."""
    import torch

    from mt.bundle import Metadata, write_bundle
    from mt.text.tokenizer import TokenizerConfig
    from mt.text.tokenizer_training import train_tokenizers
    from mt.training.recipe import RecipeConfig

    folder = tmp_path_factory.mktemp("light")
    for name in ("text", "other"):
        (folder / name).write_text("ein Hund\n", encoding="utf-8")
    (folder / "data" / "demo").mkdir(parents=True)
    for name in ("train.en", "train.de", "dev.en", "dev.de"):
        (folder / "data" / "demo" / name).write_text("a\n", encoding="utf-8")
    (folder / "links").write_text("0-0 1-1\n", encoding="utf-8")
    lines = [f"{chr(97 + n % 20)}{chr(97 + n // 20)} {'abcdefgh'[n % 8 :]}" for n in range(300)]
    pairs = zip(lines, lines, strict=True)
    tokenizers = train_tokenizers(
        TokenizerConfig(size=290), pairs, 1, tmp_path_factory.mktemp("tokens")
    )
    weights = {"table": torch.zeros(2)}
    recipe = load(RecipeConfig, CONFIGS[0])
    write_bundle(folder / "model", weights, recipe, tokenizers, Metadata(1, ("en", "de"), 2, 9))
    return folder


EVALUATE = ["evaluate", "--hypothesis", "text", "--reference", "text"]
LANGUAGES = ["--source", "de", "--target", "en"]
LINKS = ["align", "--links", "links", "--gold", "links"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["align", "--help"], 0),
        (["config", "show", CONFIGS[0]], 0),
        (["config", "check", CONFIGS[0]], 0),
        (["config", "schema"], 0),
        (["data", "check", "text", "other", "--source", "en", "--target", "de"], 0),
        (["data", "fetch", "unknown"], 2),
        (["data", "clean", "text", "other", *LANGUAGES, "--output", "clean"], 0),
        (["info", "model"], 0),
        ([*EVALUATE, "--by", "length", "--picture", "out.svg"], 0),
        (["compare", "text", "other", "--reference", "text", "--output", "out.html"], 0),
        (LINKS, 0),
        ([*LINKS, "--source", "text", "--target", "text"], 0),
        (["translate", ROOT / "tests/golden/bundle", "text"], 0),
        (["distill", ROOT / "tests/golden/bundle", "text", "--output", "out.jsonl"], 0),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_commands_that_need_no_torch_load_none(folder, arguments, status):
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)], cwd=folder, capture_output=True,
        encoding="utf-8", check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stderr.splitlines()[-1] == "light"


def test_each_foreign_library_has_one_adapter():
    users = defaultdict(list)
    for path in sorted((ROOT / "mt").rglob("*.py")):
        for name in set(imports(path, everywhere=True)) & ADAPTERS.keys():
            users[name].append(path.relative_to(ROOT).as_posix())
    for name, paths in users.items():
        assert len(paths) == (2 if name == "sentencepiece" else 1), f"{name}: {paths}"
        assert all(path.startswith(ADAPTERS[name]) for path in paths)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_is_valid(path):
    from mt.training.recipe import RecipeConfig

    load(RecipeConfig, path)


def test_using_the_library_changes_nothing_of_the_process():
    """Import every module and translate: malloc, environment, torch's switches stay as they are."""
    program = """
import logging, os, pkgutil, signal, sys
import torch
import mt

def state():
    return (
        dict(os.environ), sys.path[:], signal.getsignal(signal.SIGINT),
        logging.getLogger().handlers[:], logging.getLogger("mt").handlers[:],
        torch.get_float32_matmul_precision(), torch.get_num_threads(),
        torch.get_rng_state().tolist(), torch.is_grad_enabled(),
        torch.backends.mkldnn.matmul.fp32_precision,
    )

before = state()
for module in pkgutil.walk_packages(mt.__path__, "mt."):
    if module.name != "mt.__main__":
        __import__(module.name)
[translation] = mt.load(sys.argv[1]).translate(["abc"])
assert state() == before
from mt.allocator import keep_freed_memory
assert keep_freed_memory.cache_info().currsize == 0
"""
    bundle = ROOT / "tests" / "golden" / "bundle"
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle)],
        env=environment(), capture_output=True, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
