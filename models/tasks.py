"""The two models: what each predicts, how it is trained, beside which scores it is judged."""

import dataclasses

import numpy as np

from network import Settings


@dataclasses.dataclass(frozen=True)
class Task:
    """One model. `peers` gives the scores that are reported beside it: name -> values per row, NaN where unknown."""

    name: str
    version: int
    predicts: str
    required: tuple
    settings: Settings
    peers: callable
    cohort: str
    learnt: str
    limits: str


def news2(rows):
    """NEWS2 from the newest value of each parameter in 48 h: the lowest total that is possible, as when partial.

    Scale 1; oxygen is given where FiO2 is above 21 %; a Glasgow Coma Scale below 15 counts as not alert. CinC 2012
    has no respiratory rate for three stays of four and no pulse oximeter, which costs NEWS2 more than the networks.
    """

    def points(values, edges, bands):
        band = np.searchsorted(edges, values, side="right")
        return np.where(np.isnan(values), 0, np.take(bands, np.minimum(band, len(bands) - 1)))

    newest = {sign: rows.column(f"{sign}_latest_48h") for sign in ("resp_rate", "spo2", "fio2", "systolic", "heart_rate", "gcs_total", "temperature")}
    whole = {sign: np.floor(values + 0.5) for sign, values in newest.items()}
    return (
        points(whole["resp_rate"], [9, 12, 21, 25], [3, 1, 0, 2, 3])
        + points(whole["spo2"], [92, 94, 96], [3, 2, 1, 0])
        + np.where(newest["fio2"] > 21, 2, 0)
        + points(whole["systolic"], [91, 101, 111, 220], [3, 2, 1, 0, 3])
        + points(whole["heart_rate"], [41, 51, 91, 111, 131], [3, 1, 0, 1, 2, 3])
        + np.where(newest["gcs_total"] < 15, 3, 0)
        + points(np.floor(newest["temperature"] * 10 + 0.5) / 10, [35.05, 36.05, 38.05, 39.05], [3, 1, 0, 1, 2])
    ).astype(float)


def admission_scores(rows):
    """SAPS-I and SOFA of the outcomes file; -1 is unknown."""
    known = {name: rows.outcome(name).astype(float) for name in ("SAPS-I", "SOFA")}
    return {name: np.where(values < 0, np.nan, values) for name, values in known.items()}


TASKS = [
    Task(
        name="mortality",
        version=2,
        predicts="in-hospital death, from the data up to the time of scoring",
        required=("heart_rate_latest_48h",),
        settings=Settings(epochs=16, dropout=0.2, input_dropout=0.3),
        peers=lambda rows: {"NEWS2": news2(rows)} | admission_scores(rows),
        cohort="one row a stay: the newest at or before 48 h; the label is in-hospital death",
        learnt="In-hospital death; a death within a year of admission but after discharge "
        "counts as a fifth of one, for the network's learning only.",
        limits="It learned from the first 48 hours of a stay; later than that it sees a trailing 48 hours it was never judged on.",
    ),
    Task(
        name="hypotension",
        version=2,
        predicts="an onset of hypotension (two consecutive mean pressures below 60 mm Hg) within the next four hours",
        required=("mean_pressure_latest_6h",),
        settings=Settings(epochs=8),
        peers=lambda rows: {
            "NEWS2": news2(rows),
            "last mean pressure": -rows.column("mean_pressure_latest_6h"),
            "lowest mean pressure of 6 h": -rows.column("mean_pressure_min_6h"),
        },
        cohort="hourly rows of stays whose mean pressures of the last four hours are all 65 mm Hg or more, from hour 4, "
        "followed for four hours; the label is an onset within them (onset.py defines it)",
        learnt="The mean of two answers, whether an onset begins and whether any mean pressure "
        "falls below 60 mm Hg; calibration and figures are of onsets alone.",
        limits="Pressures are charted about hourly here, not monitored by the second; treatments (vasopressors, fluids) are not "
        "seen, so a fall that was treated away counts as none. A stay that is hypotensive already is outside its question.",
    ),
]
