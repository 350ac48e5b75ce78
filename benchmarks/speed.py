"""Train and translate beside Hugging Face transformers, in turn, and write down who is how fast.

    python -m benchmarks.speed --peers PEERS --bench BENCH --data DATA --model MODEL

Every measurement is a cold process with the same number of threads; all contenders take their turn
in each round, and ratios are formed within a round: on a shared machine only they mean something.
The unit is real source and target tokens a second: end marks count, padding does not.
"""

import argparse
import tempfile
from collections.abc import Sequence
from ctypes.util import find_library
from datetime import UTC, datetime
from pathlib import Path

import sacrebleu

from benchmarks.harness import (
    ROOT,
    Contender,
    Contest,
    environment,
    facts,
    middle,
    our_command,
    our_environment,
    run,
    say,
    table,
    write_record,
)

SIZES = ("tiny", "small", "base")
BEAMS = (5, 1)
TEST = "test_2016_flickr"
HF_LOOP = "Hugging Face Marian, plain loop"
HF_TRAINER = "Hugging Face Marian, Seq2SeqTrainer"
HF_BF16 = "Hugging Face Marian, plain loop, bf16 autocast"
HF_GENERATE = "Hugging Face Marian, generate()"
BARE_LOOP = "a bare loop of torch with every lever"
CEILING = "matrix products alone"
OURS = "mt, as `mt train` runs"
OURS_FP32 = "mt, the same in fp32"
OUR_ENGINE = "mt, torch engine"
CONDITIONS = (
    "Interleaved rounds of cold processes with equal threads; each ratio is formed within a round, "
    "and the tables show its median and range. Tokens are real ones: end marks count, padding does "
    "not.\n\n"
)


class Peers:
    """Starts the other side's drivers in its own environment."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.python = options.peers / "v-hf/bin/python"
        self.bench = options.bench
        self.environment = environment(options.threads, DATA_DIR=str(options.data))

    def contender(self, name: str, program: str, *arguments: str | Path) -> Contender:
        """Name one of its drivers with arguments."""
        return Contender(name, [self.python, self.bench / program, *arguments], self.environment)


def training(options: argparse.Namespace, peers: Peers, size: str, store: Path) -> Contest:
    """Set up training of one size."""
    common = [
        "train", "--size", size, "--steps", str(options.steps), "--warmup", str(options.warmup),
    ]  # fmt: skip
    own = [*common, "--data", options.data, "--store", store]
    own_environment = our_environment(options.threads)
    contenders = [
        peers.contender(HF_LOOP, "peer_hf.py", *common, "--loop", "plain"),
        peers.contender(BARE_LOOP, "torch_limits.py", *common, "--attn", "eager", "--dtype", "amp"),
        Contender(CEILING, our_command("ceiling", "--size", size), own_environment),
        Contender(OURS, our_command(*own, "--precision", "auto"), own_environment),
        Contender(OURS_FP32, our_command(*own, "--precision", "fp32"), own_environment),
    ]
    if options.more_peers:
        contenders += [
            peers.contender(HF_TRAINER, "peer_hf.py", *common, "--loop", "trainer"),
            peers.contender(HF_BF16, "peer_hf.py", *common, "--bf16"),
        ]
    return Contest(f"Training, {size}", HF_LOOP, "tokens_per_s", contenders)


def decoding(options: argparse.Namespace, peers: Peers, beam: int, scratch: Path) -> Contest:
    """Set up translation of the test set by the same weights."""
    sources = scratch / "sources.sp.en"
    lines = read_lines(options.data / f"{TEST}.sp.en")[: options.lines]
    sources.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ["translate", "--model", options.model, "--beam", str(beam)]
    their_batch = ["--batch", str(options.hf_batch)]
    theirs = [*arguments, *their_batch, sources, output(scratch, beam, HF_GENERATE)]
    own = [*arguments, "--data", options.data, sources, output(scratch, beam, OUR_ENGINE)]
    contenders = [
        peers.contender(HF_GENERATE, "peer_hf.py", *theirs),
        Contender(OUR_ENGINE, our_command(*own), our_environment(options.threads)),
    ]
    kind = f"beam {beam}" if beam > 1 else "greedy"
    return Contest(f"Decoding, {kind}", HF_GENERATE, "sent_per_s", contenders)


def output(scratch: Path, beam: int, name: str) -> Path:
    """Return where a contender's translations go."""
    return scratch / f"{'theirs' if name == HF_GENERATE else 'ours'}.{beam}.de"


def train_model(options: argparse.Namespace, peers: Peers) -> None:
    """Train a Hugging Face model to translate with, if there is none yet."""
    if (options.model / "model.safetensors").exists():
        return
    epochs = str(options.train_epochs)
    say(f"{options.model}: no model yet; training one for {epochs} epochs, some minutes")
    trainer = peers.contender(
        "training of the model", "torch_limits.py", "train", "--size", "tiny", "--steps", "0",
        "--epochs", epochs, "--eval-every", epochs, "--max-tokens", "2000", "--dropout", "0.1",
        "--lr", "2e-3", "--attn", "eager", "--dtype", "amp", "--save", options.model,
    )  # fmt: skip
    options.model.mkdir(parents=True, exist_ok=True)
    if run(trainer, timeout=3600) is None:
        raise SystemExit(1)


def describe_training(contest: Contest) -> str:
    """Write the table of one size."""
    head = [
        "program", "tokens/s, median (range)", "× Hugging Face, per round",
        "× the bare loop, per round", "share of what products alone allow", "seconds an update",
        "peak memory, MB",
    ]  # fmt: skip
    rows = []
    for contender in contest.contenders:
        name = contender.name
        rows.append(
            [
                name,
                middle(contest.values(name, "tokens_per_s")),
                f"**{middle(contest.ratios(name), 2)}**",
                middle(contest.ratios(name, BARE_LOOP), 2),
                middle(contest.ratios(name, CEILING), 2),
                "—" if name == CEILING else middle(contest.values(name, "s_per_step"), 3),
                middle(contest.values(name, "peak_rss_mb")),
            ]
        )
    return f"## {contest.title}\n\n{table(head, rows)}\n\n"


def describe_decoding(contest: Contest, beam: int, scratch: Path, data: Path) -> str:
    """Write the table of one beam, and whether both wrote the same."""
    head = [
        "program", "sentences/s, median (range)", "× Hugging Face, per round",
        "output tokens/s", "tokens a sentence", "BLEU", "peak memory, MB", "loading, s",
    ]  # fmt: skip
    written = {
        contender.name: read_lines(output(scratch, beam, contender.name))
        for contender in contest.contenders
    }
    rows = []
    for name, lines in written.items():
        references = read_lines(data / f"{TEST}.de")[: len(lines)]
        rows.append(
            [
                name,
                middle(contest.values(name, "sent_per_s"), 1),
                f"**{middle(contest.ratios(name), 2)}**",
                middle(contest.values(name, "out_tokens_per_s")),
                middle(tokens_a_sentence(contest, name), 1),
                f"{sacrebleu.corpus_bleu(lines, [references]).score:.2f}" if lines else "failed",
                middle(contest.values(name, "peak_rss_mb")),
                middle(contest.values(name, "load_s"), 1),
            ]
        )
    return f"## {contest.title}\n\n{table(head, rows)}\n\n{agreement(*written.values())}\n\n"


def tokens_a_sentence(contest: Contest, name: str) -> list[float]:
    """Return the mean length of a contender's translations, end marks counted, of each round."""
    tokens, sentences = (contest.values(name, key) for key in ("out_tokens_per_s", "sent_per_s"))
    return [above / below for above, below in zip(tokens, sentences, strict=True)]


def agreement(theirs: Sequence[str], ours: Sequence[str]) -> str:
    """Say how many translations are the same, letter by letter."""
    if len(theirs) != len(ours) or not ours:
        return "The translations were not compared: one side is missing."
    same = sum(one == other for one, other in zip(theirs, ours, strict=True))
    return f"The same weights: {same:,} of {len(ours):,} translations are the same in every letter."


def read_lines(path: Path) -> list[str]:
    """Read a file's lines; none if it does not exist."""
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def training_conditions(options: argparse.Namespace) -> str:
    """Say what is trained, and in which way the sides are not the same."""
    return (
        f"Training: Multi30k, the same 8,000 joint tokens, {options.steps} updates of about 4,096 "
        f"target tokens after {options.warmup} that do not count. tiny: d 128, 4+4 layers, 4 "
        "heads, feed-forward 256, dropout 0.3; small: d 256, 3+3 layers, 4 heads, feed-forward "
        "1024, dropout 0.1; base: d 512, 6+6 layers, 8 heads, feed-forward 2048, dropout 0.1; "
        "post-norm, one table three times. mt counts padding of the longer side against the "
        "budget, the others that of the target side; mt also clips the gradient. "
        "`mt train` computes in bf16 where the processor has it, Hugging Face in fp32 unless the "
        "row says otherwise. The bare loop has bf16 autocast, dropout from bytes, a loss in "
        "chunks, plain products for attention and fused AdamW. Matrix products alone are as fast "
        "as a large one, in bf16 where `mt train` uses it. `mt train` preloads tcmalloc "
        f"where installed; here it is{'' if find_library('tcmalloc_minimal') else ' not'}.\n\n"
    )


def decoding_conditions(options: argparse.Namespace) -> str:
    """Say what is translated, and in which way the sides are not the same."""
    return (
        f"Decoding: {options.lines:,} lines of {TEST}, the same weights, fp32, cold, loading not "
        f"counted; Hugging Face in batches of {options.hf_batch} sentences sorted by length and "
        "at most 100 tokens a sentence, mt with its own batches and at most 3 tokens for each of "
        "the source and 20 more. A model so poor that it does not end its sentences is measured "
        "at unequal work: compare the tokens a sentence.\n\n"
    )


def measure(options: argparse.Namespace, scratch: Path) -> None:
    """Run all rounds, writing the record after each, so that an interrupted run leaves one too."""
    peers = Peers(options)
    about = facts(options.threads) | versions(peers)
    trainings = [training(options, peers, size, scratch / "store") for size in options.sizes]
    decodings = {beam: decoding(options, peers, beam, scratch) for beam in BEAMS}
    if options.only == "training":
        decodings = {}
    elif options.only == "decoding":
        trainings = []
    if decodings:
        train_model(options, peers)
    contests = [*trainings, *decodings.values()]
    for number in range(1, options.rounds + 1):
        for contest in contests:
            contest.run_round(options.timeout)
        text = CONDITIONS
        text += training_conditions(options) if trainings else ""
        text += decoding_conditions(options) if decodings else ""
        text += "".join(describe_training(contest) for contest in trainings)
        for beam, contest in decodings.items():
            text += describe_decoding(contest, beam, scratch, options.data)
        about["rounds"] = f"{number} of {options.rounds}"
        write_record(options.output, "Speed beside Hugging Face", about, contests, text.strip())
        say(f"round {number}: written to {options.output}")


def versions(peers: Peers) -> dict[str, str]:
    """Ask both sides for their versions."""
    ask = "import json, {0}; print(json.dumps({{m.__name__: m.__version__ for m in ({0},)}}))"
    theirs = Contender(
        "versions", [peers.python, "-c", ask.format("torch, transformers")], peers.environment
    )
    ours = Contender(
        "versions", [our_command()[0], "-c", ask.format("torch, mt")], our_environment(1)
    )
    found = {"versions, Hugging Face": run(theirs, 120), "versions, mt": run(ours, 120)}
    return {
        side: ", ".join(f"{name} {version}" for name, version in (names or {}).items())
        for side, names in found.items()
    }


def main() -> None:
    """Check what was given, and measure."""
    parser = _parser()
    options = parser.parse_args()
    for name in ("peers", "bench", "data", "model", "output"):
        if getattr(options, name) is not None:
            setattr(options, name, getattr(options, name).absolute())
    needed = [options.peers / "v-hf/bin/python", options.bench / "peer_hf.py"]
    needed += [options.data / "train.sp.en", options.data / "vocab.pieces"]
    for path in needed:
        if not path.exists():
            parser.error(f"expected {path}, but it is missing; see benchmarks/README.md")
    if options.model is None and options.only != "training":
        parser.error("--model: expected a directory for decoding; or give --only training")
    with tempfile.TemporaryDirectory() as scratch:
        measure(options, Path(scratch))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Speed beside Hugging Face transformers.")
    parser.add_argument("--peers", type=Path, required=True, help="folder with v-hf/")
    parser.add_argument("--bench", type=Path, required=True, help="folder with peer_hf.py")
    parser.add_argument("--data", type=Path, required=True, help="output of prepare_data.py")
    parser.add_argument("--model", type=Path, help="Hugging Face model to decode with")
    parser.add_argument(
        "--train-epochs", type=int, default=8, help="if --model holds none yet: train one so long"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30, help="timed updates of each run")
    parser.add_argument("--warmup", type=int, default=10, help="updates before, not timed")
    parser.add_argument("--threads", type=int, default=2, help="of every process")
    parser.add_argument("--only", choices=("training", "decoding"))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=SIZES[:2])
    parser.add_argument("--lines", type=int, default=1000, help="of the test set, to translate")
    parser.add_argument("--hf-batch", type=int, default=64, help="sentences; 64 was its best")
    parser.add_argument(
        "--more-peers", action="store_true", help="also Seq2SeqTrainer and bf16 autocast"
    )
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds a process may take")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    results = ROOT / "benchmarks/results"
    parser.add_argument("--output", type=Path, default=results / f"speed-{day}.md")
    return parser


if __name__ == "__main__":
    main()
