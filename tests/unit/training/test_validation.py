"""A validation measures the model it is given, whatever it measured before."""

import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from mt.data.corpora import Pair
from mt.data.pairs import read_pairs
from mt.errors import DataError
from mt.training.objective import shift_right
from mt.training.progress import best_of, without_improvement
from mt.training.validation import Validation, ValidationResult, ValidationSet

pytestmark = pytest.mark.slow


@torch.no_grad()
def loss_of(model, store):
    """Sum torch's loss of all pairs, one by one."""
    total = tokens = 0
    for row in range(len(store)):
        batch = store.batch(torch.tensor([row]).numpy())
        logits = model.output(model(batch.source, shift_right(batch.target)))[0]
        total += float(F.cross_entropy(logits, batch.target[0], reduction="sum"))
        tokens += len(batch.target[0])
    return total / tokens


def test_each_model_gets_its_own_loss_and_score(recipe, store):
    torch.manual_seed(1)
    good, bad = (recipe.model.build(300, 300) for _ in range(2))
    pairs = list(read_pairs(recipe.data.train))

    def translate(model, lines):
        assert lines == [pair.source for pair in pairs]
        return [pair.target if model is good else "x" for pair in pairs]

    validation = Validation(
        "bleu", [ValidationSet(None, store, pairs)], translate,
        batch_tokens=200, precision="fp32", device=torch.device("cpu"),
    )  # fmt: skip
    for model, score in ((good, 100.0), (bad, 0.0), (good, 100.0)):
        result = validation.run(model.train(), 7)
        assert result.update == 7
        assert result.score.value == pytest.approx(score)
        # float32 losses of 300 pairs of about 10 tokens; no dropout, though it came in training.
        assert result.loss == pytest.approx(loss_of(model, store), rel=1e-5)
    assert loss_of(good, store) != pytest.approx(loss_of(bad, store), rel=1e-3)


def test_the_loss_alone_translates_nothing(recipe, store):
    validation = Validation(
        "loss", [ValidationSet(None, store, [])], None,
        batch_tokens=200, precision="fp32", device=torch.device("cpu"),
    )  # fmt: skip
    result = validation.run(recipe.model.build(300, 300), 1)
    assert result.score is None
    assert result.to_json() == {"loss": result.loss}
    assert result.selection_score == -result.loss


def validation_of(metric, targets):
    pairs = [Pair("a", target) for target in targets]
    device = torch.device("cpu")
    return Validation(
        metric, [ValidationSet(None, None, pairs)], None,
        batch_tokens=200, precision="fp32", device=device,
    )  # fmt: skip


def test_targets_that_a_metric_cannot_measure_are_noticed_before_training(caplog):
    with pytest.raises(DataError, match=r"^validation: targets: .* but it is SGML or XML"):
        validation_of("chrf", ["<seg>Ja.</seg>"])
    for metric in ("loss", "chrf"):
        validation_of(metric, ["今天天气很好。"])
    validation_of("bleu", ["Ja."])
    assert caplog.messages == []
    validation_of("bleu", ["今天天气很好。"])
    (message,) = caplog.messages
    assert "for bleu, but the targets seem to be Chinese; let the recipe say" in message


def sets_of(recipe, store):
    """Divide the pairs of a store into two sets."""
    pairs = list(read_pairs(recipe.data.train))
    return [
        ValidationSet(name, store, part)
        for name, part in (("one", pairs[:100]), ("other", pairs[100:]))
    ]


def validation_of_sets(sets, **choices):
    def translate(_, lines):
        return [f"{line} x" if number % 3 else "y" for number, line in enumerate(lines)]

    return Validation(
        "chrf", sets, translate,
        batch_tokens=200, precision="fp32", device=torch.device("cpu"), **choices,
    )  # fmt: skip


def test_each_set_is_measured_as_if_it_were_alone(recipe, store):
    model, sets = recipe.model.build(300, 300), sets_of(recipe, store)
    both = validation_of_sets(sets).run(model, 7)
    assert list(both.sets) == ["one", "other"]
    for each in sets:
        alone = validation_of_sets([each]).run(model, 7)
        assert both.sets[each.name] == alone
        assert alone.sets == {}
        assert replace(validation_of_sets(sets, lead=each.name).run(model, 7), sets={}) == alone
    together = ValidationSet(None, store, [*sets[0].pairs, *sets[1].pairs])
    whole = validation_of_sets([together]).run(model, 7)
    assert both.loss == pytest.approx(whole.loss)
    assert ValidationResult.from_json(7, json.loads(json.dumps(both.to_json()))) == both


def test_a_leading_set_is_named_once(recipe, store):
    model, sets = recipe.model.build(300, 300), sets_of(recipe, store)
    one, other = (validation_of_sets([each]).run(model, 7) for each in sets)
    led = validation_of_sets(sets, lead="other").run(model, 7)
    assert str(led) == f"other: {other}; one: {one}"
    both = validation_of_sets(sets).run(model, 7)
    assert str(both) == f"{replace(both, sets={})}; one: {one}; other: {other}"


def test_a_checkpoint_that_forgets_too_much_is_not_the_best(monkeypatch):
    points = {"new": [20.0, 30.0, 40.0, 35.0], "general": [50.0, 49.5, 48.0, 49.0]}
    sets = [ValidationSet(name, None, []) for name in points]
    validation = Validation(
        "loss", sets, None, lead="new", max_forgetting=1.0,
        batch_tokens=1, precision="fp32", device=torch.device("cpu"),
    )  # fmt: skip
    history = []
    for update in range(4):
        # Losses are better where they are lower.
        found = iter(points.values())
        monkeypatch.setattr(validation, "_loss", lambda *_: (-next(found)[update], 1))  # noqa: B023
        history.append(validation.run(torch.nn.Module(), update))
    assert [result.forgotten for result in history] == [0, 0, 1.0, 0]
    assert best_of(history) is history[3]
    assert without_improvement(history[:3], least=0) == 1
    again = [ValidationResult.from_json(each.update, each.to_json()) for each in history]
    assert again == history
