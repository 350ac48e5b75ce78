"""A tiny world to train in: a language of invented words, a recipe, and the command line."""

import contextlib
import json
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from mt.cli.main import build_app

ROOT = Path(__file__).parents[1]
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]


def write_corpus(directory: Path, seed: int = 1, pairs: int = 300) -> Path:
    """Write ``train``, ``dev`` and ``test`` files in which every word has one translation."""
    generator = random.Random(seed)

    def words() -> list[str]:
        return ["".join(generator.sample(SYLLABLES, k=2)) for _ in range(20)]

    lexicon = dict(zip(words(), words(), strict=True))
    for name, size in (("train", pairs), ("dev", 16), ("test", 40)):
        lines = [generator.choices(list(lexicon), k=generator.randint(1, 5)) for _ in range(size)]
        translations = [[lexicon[word] for word in line] for line in lines]
        for suffix, side in (("src", lines), ("tgt", translations)):
            text = "".join(" ".join(line) + "\n" for line in side)
            (directory / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return directory


def recipe_of(corpus: Path) -> dict:
    """Return a recipe that trains in a second."""
    return {
        "data": {
            "source": "xx",
            "target": "yy",
            "train": {"source": f"{corpus}/train.src", "target": f"{corpus}/train.tgt"},
            "validation": {"source": f"{corpus}/dev.src", "target": f"{corpus}/dev.tgt"},
            "store": f"{corpus}/prepared",
        },
        "tokenizer": {"size": 300},
        "model": {
            "kind": "transformer",
            "dim": 16, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "feed_forward": 32,
        },
        "training": {
            "updates": 40,
            "batch_tokens": 200,
            "precision": "fp32",
            "optimizer": {"learning_rate": 3e-3},
            "schedule": {"kind": "inverse_square_root", "warmup": 10},
            "average": {"count": 2},
            "report_every": 5,
        },
        "validation": {"every": 10, "metric": "loss"},
        "translation": {"shortlist": "never"},
    }  # fmt: skip


def write_recipe(corpus: Path, name: str = "tiny.yaml") -> Path:
    """Write the recipe beside its corpus; JSON is YAML too."""
    path = corpus / name
    path.write_text(json.dumps(recipe_of(corpus), indent=2), encoding="utf-8")
    return path


def write_untrained(corpus: Path) -> Path:
    """Write the bundle of a model that knows nothing beside its corpus."""
    import torch  # here, since not all tests need it

    from mt.bundle import Metadata, write_bundle
    from mt.model.loading import weights_of
    from mt.text.tokenizer_training import train_tokenizers
    from mt.training.recipe import RecipeConfig

    recipe = RecipeConfig.parse(recipe_of(corpus), where="tiny")
    [pairs] = recipe.data.train
    tokenizers = train_tokenizers(recipe.tokenizer, pairs.pairs(), 1, corpus / "tokenizers")
    torch.manual_seed(1)
    model = recipe.model.build(tokenizers.source.size, tokenizers.target.size)
    metadata = Metadata(update=1, languages=("xx", "yy"), parameters=1, max_tokens=256)
    write_bundle(corpus / "bundle", weights_of(model), recipe, tokenizers, metadata)
    return corpus / "bundle"


def environment() -> dict[str, str]:
    """Return one in which a program finds the package, and adds in the same order every time."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def command(*arguments: object) -> list[str]:
    """Spell a call of the command line."""
    return [sys.executable, "-m", "mt", *map(str, arguments)]


def process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        command(*arguments), env=environment(), encoding="utf-8",
        errors="backslashreplace", capture_output=True,
        check=False, timeout=300,
    )  # fmt: skip


def mt(
    *arguments: object, cwd: Path | str = ".", stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, which has loaded torch for many calls.

    Args:
        arguments: Those of the command line.
        cwd: The directory to run in.
        stdin: What it reads there.
        variables: Added to an environment without colours, whose terminal is 90 columns wide.
    """
    colours = dict.fromkeys(name for name in os.environ if "COLOR" in name)
    ours = logging.getLogger("mt")
    before = ours.handlers, ours.level, ours.propagate
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(
            build_app(), [*map(str, arguments)], input=stdin, catch_exceptions=False,
            env={**colours, "COLUMNS": "90", **variables},
        )  # fmt: skip
    ours.handlers, level, ours.propagate = before
    ours.setLevel(level)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)
