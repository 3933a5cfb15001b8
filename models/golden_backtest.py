"""Golden figures for the tests of Wardwatch's back-test: made rows, and what scikit-learn says of them.

    python golden_backtest.py ../crates/workbench/src/backtest/golden

Writes `rows.csv` (case, patient, score, came) and `figures.csv` (case, figure, value). Only a developer runs it; what it
writes is committed, and the tests need no Python.
"""

import argparse
import csv
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

SEED = 13


def cases(random):
    """case -> patients, scores, labels."""
    def followed(score, slope=1.0, intercept=0.0):
        logit = np.log(score / (1 - score))
        return random.random(len(score)) < 1 / (1 + np.exp(-(slope * logit + intercept)))

    smooth = random.beta(2, 5, 600)
    yield "smooth", np.arange(600), smooth, followed(smooth)
    ties = random.integers(1, 20, 500) / 20
    yield "ties", random.integers(0, 80, 500), ties, followed(ties, 0.6, -0.4)
    rare = random.beta(1, 60, 3000)
    yield "rare", random.integers(0, 300, 3000), rare, followed(rare, 1.3, 0.8)
    sure = np.round(random.beta(0.2, 0.2, 400), 3)
    yield "zero and one", np.arange(400), sure, random.random(400) < 0.1 + 0.8 * sure
    few = np.array([0.9, 0.8, 0.8, 0.3, 0.2, 0.2, 0.1])
    yield "few", np.array([3, 1, 1, 0, 2, 3, 2]), few, np.array([1, 1, 0, 0, 1, 0, 0], dtype=bool)
    worse = random.random(200)
    yield "worse than chance", random.integers(0, 50, 200), worse, followed(1 - worse)


def figures(score, came):
    clipped = np.clip(score, 1e-9, 1 - 1e-9)
    logit = np.log(clipped / (1 - clipped))[:, None]
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(logit, came)
    return {
        "auroc": roc_auc_score(came, score), "auprc": average_precision_score(came, score),
        "slope": line.coef_[0, 0], "intercept": line.intercept_[0],
        "observed_over_expected": came.sum() / score.sum(), "brier": brier_score_loss(came, score),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    with open(args.folder / "rows.csv", "w", newline="") as rows, open(args.folder / "figures.csv", "w", newline="") as told:
        rows, told = csv.writer(rows, lineterminator="\n"), csv.writer(told, lineterminator="\n")
        rows.writerow(["case", "patient", "score", "came"])
        told.writerow(["case", "figure", "value"])
        for case, patients, score, came in cases(np.random.default_rng(SEED)):
            score = np.round(score, 6)
            rows.writerows([case, patient, repr(float(s)), int(c)] for patient, s, c in zip(patients, score, came))
            told.writerows([case, name, repr(float(value))] for name, value in figures(score, came).items())


if __name__ == "__main__":
    main()
