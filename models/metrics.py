"""How a score is judged: discrimination and calibration, with intervals by bootstrap over stays."""

import numpy as np

RESAMPLES = 1000


class Ranking:
    """Rows sorted by score once, so that each bootstrap resample costs one pass. Rows of equal score count together."""

    def __init__(self, labels, scores):
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self.labels = labels[self.order].astype(float)

    def auroc_auprc(self, weights):
        """Area under the receiver operating characteristic, and average precision. `weights` are per row."""
        weights = weights[self.order]
        positives = np.add.reduceat(weights * self.labels, self.starts)
        negatives = np.add.reduceat(weights * (1 - self.labels), self.starts)
        found, false = np.cumsum(positives), np.cumsum(negatives)
        auroc = np.sum(negatives * (found - positives / 2)) / (found[-1] * false[-1])
        precision = found / np.maximum(found + false, 1e-12)
        return auroc, np.sum(positives * precision) / found[-1]


def discrimination(labels, scores, stays, seed=1):
    """{"auroc": (value, low, high), "auprc": (value, low, high)}, 95 % intervals over resampled stays."""
    ranking = Ranking(labels, scores)
    _, stay = np.unique(stays, return_inverse=True)
    count = stay.max() + 1
    random = np.random.default_rng(seed)
    point = ranking.auroc_auprc(np.ones(len(labels)))
    resampled = np.array([
        ranking.auroc_auprc(np.bincount(random.integers(count, size=count), minlength=count).astype(float)[stay])
        for _ in range(RESAMPLES)
    ])
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return {name: (point[i], low[i], high[i]) for i, name in enumerate(("auroc", "auprc"))}


def logistic_line(labels, logits, rounds=50):
    """Slope and intercept of the labels' logit over `logits`, by Newton's method: Platt scaling, and its check."""
    design = np.stack([logits, np.ones_like(logits)], axis=1).astype(float)
    line = np.array([1.0, 0.0])
    for _ in range(rounds):
        probability = sigmoid(design @ line)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design
        line = line + np.linalg.solve(curvature, design.T @ (labels - probability))
    return float(line[0]), float(line[1])


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, dtype=float)))


def logit(probabilities):
    return np.log(probabilities) - np.log1p(-probabilities)


def calibration(labels, probabilities):
    """Slope and intercept on the logit scale (1 and 0 are perfect), Brier score, mean predicted and observed risk."""
    slope, intercept = logistic_line(labels, logit(np.clip(probabilities.astype(float), 1e-9, 1 - 1e-9)))
    return {
        "slope": slope,
        "intercept": intercept,
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "predicted": float(np.mean(probabilities)),
        "observed": float(np.mean(labels)),
    }
