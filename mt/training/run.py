"""One run, from its recipe to its card."""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path

import torch
from rich.console import Console

from mt import hardware
from mt.bundle import Metadata
from mt.data.config import DataConfig
from mt.data.report.glance import warn_of_corpora
from mt.errors import ConfigError, MtError
from mt.files import lock_directory
from mt.logs import logged_to
from mt.model.contract import EncoderDecoder, count_parameters
from mt.text.tokenizer import Tokenizers
from mt.training.budget import refuse_used_up
from mt.training.card import write_card
from mt.training.checkpoints import Checkpoints, saved_updates
from mt.training.config import CheckpointAverageConfig
from mt.training.divergence import DivergenceError
from mt.training.forecast import Forecast, RunSize
from mt.training.freezing import freeze
from mt.training.listeners import Listeners, usual_listeners
from mt.training.objective import Objective
from mt.training.order import TrainingOrder
from mt.training.pace import Pace, duration
from mt.training.preparation import Prepared, open_run, prepare_run, release_run
from mt.training.progress import Outcome
from mt.training.randomness import give_own_state
from mt.training.recipe import RecipeConfig
from mt.training.sharing import refuse_other_pairs, refuse_unshared
from mt.training.start import read_start, start_from
from mt.training.teachers import find_teachers, load_teachers
from mt.training.trainer import Trainer
from mt.training.validation import Translate, Validation
from mt.training.world import World
from mt.translation import TranslationConfig, Translator
from mt.translation.engines.torch import TorchEngine
from mt.translation.shortlist import add_shortlist

log = logging.getLogger(__name__)


def train(  # noqa: PLR0917 - all that a run depends on
    recipe: RecipeConfig,
    run: Path,
    resume: bool,
    device: torch.device,
    console: Console,
    world: World,
    began: float | None = None,
) -> Outcome:
    """Train a model.

    Args:
        recipe: Everything that determines the run.
        run: The run directory; new unless ``resume``.
        resume: Go on from the last checkpoint, or start if there is none yet.
        device: Where to compute.
        console: Where a progress bar may be drawn.
        world: The processes that train together; each of them calls this function, and all see the
            run directory.
        began: When the run's budget began, if it has one, as :func:`time.perf_counter` tells the
            time; ``None``: now.

    Raises:
        ConfigError: If the model is larger than the memory, or preparation took all of the budget.
        TrainingError: If the directory holds another run or is not seen by all processes, one of
            these ends, or training diverges.
        DataError: If a corpus cannot be used, or another process trains in the directory.
    """
    began = time.perf_counter() if began is None else began
    _refuse_larger_than_memory(recipe, device, world.local_size)
    log.info("checking the corpora")
    world.from_main(recipe.data.check)
    # The best bundle of a run that still trains may be another one a moment later.
    teachers = world.from_main(lambda: find_teachers(recipe))
    with ExitStack() as stack:
        world.from_main(lambda: stack.enter_context(lock_directory(run)))
        is_new = world.from_main(lambda: open_run(recipe, run, resume))
        refuse_unshared(run, world)
        try:
            with logged_to(run / "log.txt") if world.is_main else nullcontext():
                if resume and world.is_main and not saved_updates(run):
                    log.warning("%s: nothing to resume; starting from the beginning", run)
                if not resume and world.is_main:
                    _warn_of_corpora(recipe.data)
                return _train(recipe, run, teachers, device, console, world, began)
        except (MtError, KeyboardInterrupt):
            if world.is_main and is_new:
                release_run(run)
            raise


def _warn_of_corpora(data: DataConfig) -> None:
    """Tell what spoils a training, such as validation sentences in the training data."""
    warn_of_corpora(data.train, data.validation, (data.source, data.target))


def _refuse_larger_than_memory(
    recipe: RecipeConfig, device: torch.device, local_processes: int
) -> None:
    """Refuse a model of which weights, gradients and the two averages of Adam fit nowhere."""
    memory, size = hardware.memory(device), recipe.tokenizer.size
    parameters = recipe.model.least_parameters(size, size)
    copies = local_processes if device.type == "cpu" else 1
    needed = copies * 16 * parameters
    if memory is not None and needed > memory:
        times = f" in each of {copies} processes" if copies > 1 else ""
        raise ConfigError(
            f"model: expected one that can be trained in the {memory / 2**30:.1f} GiB of memory "
            f"of this {device.type}, but {parameters:,} parameters{times} need "
            f"{needed / 2**30:,.1f} GiB; lower model.dim, the layers or tokenizer.size"
        )


def _train(  # noqa: PLR0917 - all that a run depends on
    recipe: RecipeConfig,
    run: Path,
    teachers: Sequence[Path],
    device: torch.device,
    console: Console,
    world: World,
    began: float,
) -> Outcome:
    prepared = prepare_run(
        recipe.data,
        recipe.tokenizer,
        recipe.training.batch_tokens,
        recipe.seed,
        run,
        recipe.init_from or recipe.tokenizer_from,
        world,
    )
    refuse_other_pairs(prepared.training.fingerprint, world)
    trainer = _trainer(recipe, run, prepared, teachers, device, world)
    trainer.restore()
    trainer.began = began - trainer.progress.spent
    ended = trainer.ended()
    if not trainer.progress.update:
        spent = time.perf_counter() - trainer.began
        world.from_main(lambda: refuse_used_up(recipe.training.budget, spent))
    if ended:
        log.info("nothing left to train: %s at update %d", ended, trainer.progress.update)
    while ended is None:
        listeners = Listeners([])
        if world.is_main:
            pace = Pace(lambda: trainer.updates, trainer.progress.update)
            listeners = Listeners(usual_listeners(run, pace, console))
            size = _size(recipe, trainer)
            if recipe.training.budget is None:
                listeners.members.append(Forecast(size, pace))
        with closing(listeners):
            try:
                ended = trainer.train(listeners)
            except DivergenceError as found:
                trainer.go_back(found)
    outcome = Outcome(run, ended, trainer.progress)
    if outcome.finished:
        trainer.average()
    if world.is_main and outcome.finished and recipe.translation.shortlist != "never":
        add_shortlist(run, prepared.training, prepared.validation_pairs, recipe.seed)
    if world.is_main:
        origin, machine = trainer.checkpoints.metadata.origin, hardware.describe(device, world.size)
        write_card(recipe, outcome, prepared, origin, machine)
    return outcome


def _trainer(  # noqa: PLR0917 - all that a run depends on
    recipe: RecipeConfig,
    run: Path,
    prepared: Prepared,
    teachers: Sequence[Path],
    device: torch.device,
    world: World,
) -> Trainer:
    """Put the parts together, and give each its section of the recipe."""
    torch.manual_seed(recipe.seed)
    data, training, tokenizers = recipe.data, recipe.training, prepared.tokenizers
    model = recipe.model.build(tokenizers.source.size, tokenizers.target.size).to(device)
    start = None
    if recipe.init_from is not None and not saved_updates(run):
        start = read_start(recipe.init_from)
        start_from(start, model, tokenizers)
        log.info("starting from %s", start.origin.bundle)
    freeze(model, training.freeze)
    parameters = count_parameters(model)
    follower = (training.lora or training.average).build(model)
    give_own_state(world)
    languages = data.source, data.target
    most_tokens = min(data.max_tokens, training.batch_tokens)
    taught = None
    if training.distillation is not None:
        weight = training.distillation.weight
        taught = load_teachers(teachers, weight, tokenizers, device)
    augmenter = data.augmentation.build(tokenizers, languages, most_tokens, recipe.seed)
    origin = start.origin if start else None
    metadata = Metadata(0, languages, parameters, data.max_tokens, origin=origin)
    translation = TranslationConfig(
        search=recipe.validation.search, split_sentences=recipe.translation.split_sentences
    )
    return Trainer(
        model=model,
        objective=Objective(training.label_smoothing, training.consistency, taught),
        optimizer=training.optimizer.build(model),
        order=TrainingOrder(prepared.training, training.batch_tokens, recipe.seed, augmenter),
        validation=Validation(
            recipe.validation.metric,
            prepared.validation_sets,
            _translate_with(tokenizers, translation, data.max_tokens, languages, device),
            lead=recipe.validation.lead,
            max_forgetting=recipe.validation.max_forgetting,
            batch_tokens=training.batch_tokens,
            precision=training.precision,
            device=device,
        ),
        checkpoints=Checkpoints(run, recipe, tokenizers, metadata, training.average),
        config=training,
        validating=recipe.validation,
        pairs=f"{prepared.training.fingerprint} {prepared.validation.fingerprint}",
        device=device,
        world=world,
        measures_start=recipe.init_from is not None,
        follower=follower,
        endings=_endings(recipe),
    )


def _endings(recipe: RecipeConfig) -> int:
    """Reckon what follows the last update, in validations' time.

    It is validated, and so is an average of checkpoints; a shortlist takes about as long as two.
    """
    average = recipe.training.average
    averages = isinstance(average, CheckpointAverageConfig) and average.count > 1
    return 1 + averages + 2 * (recipe.translation.shortlist != "never")


def _size(recipe: RecipeConfig, trainer: Trainer) -> RunSize:
    """Measure what is about to begin, and log it."""
    training, device = recipe.training, trainer.device
    size = RunSize(
        recipe,
        trainer.checkpoints.metadata.parameters,
        trainer.order.epochs(training.updates * training.accumulate),
        device.type == "cpu",
    )
    log.info(
        "model: %s parameters, on %s",
        f"{size.parameters:,}", hardware.describe(device, trainer.world.size),
    )  # fmt: skip
    if training.budget is not None:
        log.info(
            "training: for %s, of which %s are over; the speed settles the number of updates",
            duration(training.budget), duration(time.perf_counter() - trainer.began),
        )  # fmt: skip
        return size
    log.info(
        "training: %s updates, about %s epochs of %s pairs",
        f"{training.updates:,}", f"{size.epochs:,.0f}", f"{len(trainer.order.store):,}",
    )  # fmt: skip
    return size


def _translate_with(
    tokenizers: Tokenizers,
    config: TranslationConfig,
    max_tokens: int,
    languages: tuple[str, str],
    device: torch.device,
) -> Translate:
    """Return a function that translates with any model of these tokenizers."""

    def translate(model: EncoderDecoder, lines: Sequence[str]) -> list[str]:
        engine = TorchEngine(model, device)
        translator = Translator(engine, tokenizers, config, max_tokens, languages)
        return [translation.text for translation in translator.translate_all(lines)]

    return translate
