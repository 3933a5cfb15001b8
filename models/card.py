"""The figures of a model and its card. Every figure is measured on set b by the network trained on set a."""

import numpy as np

import metrics

AGES = [(0, 50), (50, 65), (65, 80), (80, 131)]


def figures(task, rows, labels, probabilities):
    """All that the card reports."""
    peers = {}
    for name, scores in task.peers(rows).items():
        known = ~np.isnan(scores)
        peers[name] = {
            "rows": int(known.sum()),
            "peer": metrics.discrimination(labels[known], scores[known], rows.stays[known]),
            "model": metrics.discrimination(labels[known], probabilities[known], rows.stays[known]),
        }
    return {
        "rows": len(labels),
        "stays": len(np.unique(rows.stays)),
        "positives": int(labels.sum()),
        "model": metrics.discrimination(labels, probabilities, rows.stays),
        "calibration": metrics.calibration(labels, probabilities),
        "peers": peers,
        "groups": groups(rows, labels, probabilities),
        "operating": [operating_point(labels, probabilities, share) for share in (0.05, 0.1, 0.2)],
    }


def groups(rows, labels, probabilities):
    """Figures by age band and sex: (name, rows, positives, discrimination, calibration)."""
    age, female = rows.column("age_years"), rows.column("sex_female")
    masks = {f"age {low}–{high - 1}" if high < 131 else f"age {low} and over": (age >= low) & (age < high) for low, high in AGES}
    masks |= {"women": female == 1, "men": female == 0}
    return [
        (
            name, int(mask.sum()), int(labels[mask].sum()),
            metrics.discrimination(labels[mask], probabilities[mask], rows.stays[mask]),
            metrics.calibration(labels[mask], probabilities[mask]),
        )
        for name, mask in masks.items()
    ]


def operating_point(labels, probabilities, share):
    """What alerting on the highest `share` of rows would find."""
    threshold = np.quantile(probabilities, 1 - share)
    flagged = probabilities >= threshold
    found = labels[flagged].sum()
    return {"share": share, "threshold": threshold, "sensitivity": found / labels.sum(), "precision": found / flagged.sum()}


def interval(value):
    return f"{value[0]:.3f} ({value[1]:.3f}–{value[2]:.3f})"


def small(value):
    """Average precision of rare outcomes needs more digits."""
    digits = 3 if value[0] >= 0.1 else 4
    return f"{value[0]:.{digits}f} ({value[1]:.{digits}f}–{value[2]:.{digits}f})"


def summary(task, figures):
    model, line = figures["model"], figures["calibration"]
    peers = "; ".join(f"{name} {peer['peer']['auroc'][0]:.3f} / {peer['peer']['auprc'][0]:.4f}" for name, peer in figures["peers"].items())
    return (
        f"{task.name} on set b: AUROC {interval(model['auroc'])}, AUPRC {small(model['auprc'])}, "
        f"calibration slope {line['slope']:.2f}, intercept {line['intercept']:.2f}, Brier {line['brier']:.4f} | {peers}"
    )


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def render(task, figures, trained_on, inputs):
    line = figures["calibration"]
    peers = table(
        ["beside", "rows with both", "its AUROC", "the model's there", "its AUPRC", "the model's there"],
        [
            [name, peer["rows"], interval(peer["peer"]["auroc"]), interval(peer["model"]["auroc"]),
             small(peer["peer"]["auprc"]), small(peer["model"]["auprc"])]
            for name, peer in figures["peers"].items()
        ],
    )
    by_group = table(
        ["group", "rows", "positive", "AUROC", "AUPRC", "predicted", "observed", "slope"],
        [
            [name, count, positive, interval(d["auroc"]), small(d["auprc"]), f"{c['predicted']:.4f}", f"{c['observed']:.4f}", f"{c['slope']:.2f}"]
            for name, count, positive, d, c in figures["groups"]
        ],
    )
    operating = table(
        ["rows flagged", "at a risk of", "sensitivity", "precision"],
        [[f"{100 * point['share']:.0f} %", f"{point['threshold']:.4f}", f"{point['sensitivity']:.3f}", f"{point['precision']:.3f}"]
         for point in figures["operating"]],
    )
    shipped = "set a" if trained_on == ["a"] else "sets a and b together, with the same settings; no row is left to judge that fit on"
    return f"""# {task.name} {task.version}

Predicts {task.predicts}.

**Secondary notification, not a medical device.** For showing a trained person which patients to look at sooner. Not for
diagnosis, not for withholding care, not as the only alarm. It claims nothing beyond the outcome named above.

## Data
PhysioNet/CinC Challenge 2012 (Silva, Moody, Scott, Celi, Mark: "Predicting in-hospital mortality of ICU patients", Computing
in Cardiology 2012), ODC-By 1.0: adult stays of at least 48 h in four kinds of intensive care unit of one hospital
(MIMIC-II, 2001–2008). Vital signs, age and sex only: no laboratory values, urine, drugs or diagnoses. Oxygen saturation is of
arterial blood samples. Features are extracted by Wardwatch itself ({inputs} inputs, `model.yaml`).

## How it was made
An average of eight multilayer perceptrons (32 and 16 hidden units) over standardised values and presence flags, calibrated by
Platt scaling on held-out folds, all in one ONNX graph. `models/train.py`, seed in `model.yaml`. Settings were chosen by
looking at sets a and b. Target: {task.learnt}
The shipped network is fitted on {shipped}.

## Figures
Network trained on set a, judged on set b: {figures['rows']:,} rows of {figures['stays']:,} stays, {figures['positives']:,} positive
({100 * figures['positives'] / figures['rows']:.2f} %). Cohort: {task.cohort}. Intervals: 95 %, bootstrap over stays, 1,000 resamples.
Set b was looked at while settings were chosen, so its figures may flatter a little.

- AUROC {interval(figures['model']['auroc'])}, AUPRC {small(figures['model']['auprc'])}
- Calibration slope {line['slope']:.3f}, intercept {line['intercept']:.3f}; Brier score {line['brier']:.4f}; mean risk predicted {line['predicted']:.4f}, observed {line['observed']:.4f}
- Agreement of Wardwatch's runtime with onnxruntime: not measured yet (`compare.py` writes it here)

{peers}

NEWS2 here is the lowest total possible from the newest value of each parameter: these records lack the respiratory rate of most
stays and have no pulse oximeter. SAPS-I and SOFA are the data set's own, where given.

{operating}

{by_group}

## Limits
- {task.limits}
- One hospital, 2001–2008, intensive care: other wards, hospitals and years need their own validation before use, and drift is to be watched.
- How often a vital sign is charted is itself an input (`*_count_*`): a ward with another habit, or a monitor at 1 Hz, shifts it.
  The network clips each input at four spreads of its training data, so such a shift is bounded, not removed.
- Fewer than the required inputs give no score; the pipeline's early-warning score stands in.
"""
