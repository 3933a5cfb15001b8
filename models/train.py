"""Trains both networks on CinC 2012 set a, judges them on set b, writes the model folders.

    python train.py --data DATA --features-a F.parquet --features-b F.parquet [--final]

`DATA` is what prepare.py wrote; the feature files are what `wardwatch replay --features` wrote (patient_id,
window_end, one column a feature). Steps for each model:

1. on set a: five folds of stays give out-of-fold logits, whose Platt line calibrates; then fit on all of a;
2. on set b: all figures of the model card, once;
3. with `--final`: the same again on a and b together, for the network that ships. Its figures stay those of step 2.
"""

import argparse
import pathlib

import numpy as np

import card
import cohort
import contract
import metrics
from network import Network, Scaling
from tasks import TASKS

SEED = 20120101
FOLDS = 5
GOLDEN_ROWS = 40
# Inputs that say that something was measured: a well-charted vital sign gives 15, so this takes more than one.
REQUIRE_AT_LEAST = 20
HERE = pathlib.Path(__file__).parent


def fit(values, targets, settings):
    """A network and its scaling."""
    scaling = Scaling(values)
    inputs = scaling.encode(values)
    return scaling, Network(inputs.shape[1], SEED).fit(inputs, targets, settings)


def platt_line(examples, settings):
    """Slope and intercept from out-of-fold logits of the judged rows; a stay is in one fold only."""
    stays = examples.rows.stays
    fold = np.random.default_rng(SEED).integers(FOLDS, size=stays.max() + 1)[stays]
    logits, labels = [], []
    for held_out in range(FOLDS):
        learn, ask = examples.only(fold != held_out), examples.only((fold == held_out) & examples.judged)
        scaling, network = fit(learn.rows.values, learn.targets, settings)
        logits.append(network.logits(scaling.encode(ask.rows.values)))
        labels.append(ask.labels)
    return metrics.logistic_line(np.concatenate(labels), np.concatenate(logits))


def calibrated(examples, settings):
    """Scaling, network and Platt line, all from the same rows."""
    line = platt_line(examples, settings)
    return (*fit(examples.rows.values, examples.targets, settings), line)


def golden_rows(rows, required):
    """Rows across the cohort, among them the emptiest ones that may still be scored."""
    measured = contract.evidence(rows.names, rows.values)
    speaks = measured >= REQUIRE_AT_LEAST
    for name in required:
        speaks &= ~np.isnan(rows.column(name))
    usable = np.flatnonzero(speaks)
    emptiest = usable[np.argsort(measured[usable], kind="stable")][: GOLDEN_ROWS // 4]
    spread = usable[np.linspace(0, len(usable) - 1, GOLDEN_ROWS - len(emptiest)).astype(int)]
    return rows.values[np.r_[emptiest, spread]]


def words(task, figures, sets):
    """The contract's fields that are not the network's own."""
    return {
        "model": task.name, "version": task.version, "predicts": task.predicts, "required": task.required,
        "require_at_least": REQUIRE_AT_LEAST,
        "calibration": {
            "method": f"Platt scaling on logits of {FOLDS} held-out folds of stays, inside the graph",
            "slope": round(figures["calibration"]["slope"], 3), "intercept": round(figures["calibration"]["intercept"], 3),
            "on": "CinC 2012 set b, by the network trained on set a",
        },
        "training": {
            "data": [f"PhysioNet/CinC Challenge 2012 set {name}" for name in sets], "licence": "ODC-By-1.0",
            "script": "models/train.py", "seed": SEED,
        },
    }


def train(task, sets, final, out):
    learnt, unseen = (cohort.TASKS[task.name](sets[name]) for name in "ab")
    judged = unseen.only(unseen.judged)
    scaling, network, line = calibrated(learnt, task.settings)
    probabilities = metrics.sigmoid(line[0] * network.logits(scaling.encode(judged.rows.values)) + line[1])
    figures = card.figures(task, judged.rows, judged.labels, probabilities)
    print(card.summary(task, figures), flush=True)
    trained_on = ["a"]
    if final:
        trained_on = ["a", "b"]
        scaling, network, line = calibrated(cohort.both(learnt, unseen), task.settings)
    folder = out / task.name / str(task.version)
    names = judged.rows.names
    contract.write(folder, names, scaling, network, line, words(task, figures, trained_on))
    contract.write_golden(folder, names, golden_rows(unseen.rows, task.required))
    (folder / "CARD.md").write_text(card.render(task, figures, trained_on, len(names)), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    for name in "ab":
        parser.add_argument(f"--features-{name}", type=pathlib.Path, required=True)
    parser.add_argument("--task", choices=[task.name for task in TASKS], help="one model only")
    parser.add_argument("--final", action="store_true", help="fit what ships on sets a and b")
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    args = parser.parse_args()
    sets = {name: cohort.load(args.data, name, getattr(args, f"features_{name}")) for name in "ab"}
    for task in TASKS:
        if args.task in (None, task.name):
            train(task, sets, args.final, args.out)


if __name__ == "__main__":
    main()
