"""Rows to train on and to judge: features of Wardwatch, context, and labels of the two tasks.

A row is one stay at one `window_end` t: what was known of the stay before t. Hours count from the stay's start.
"""

import dataclasses
import datetime
import json
import pathlib

import duckdb
import numpy as np

import onset

CONTEXT = ("age_years", "sex_female")
# Features that tell whether what a model predicts is there already: they are not its inputs.
NOT_INPUTS = ("mean_pressure_min_4h",)
START = int(datetime.datetime(2012, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
RECORD_HOURS = 48


@dataclasses.dataclass
class Cohort:
    """One CinC set: `values` [N, F] with NaN for missing, in the order of `names`; rows in order of stay, then hour."""

    names: list
    values: np.ndarray
    stays: np.ndarray
    hours: np.ndarray
    outcomes: dict
    observations: pathlib.Path

    def rows(self, chosen):
        return dataclasses.replace(self, values=self.values[chosen], stays=self.stays[chosen], hours=self.hours[chosen])

    def column(self, name):
        return self.values[:, self.names.index(name)]

    def outcome(self, name):
        """A column of the outcomes, per row; -1 stays -1 (unknown)."""
        return np.array([self.outcomes[stay][name] for stay in self.stays])


def load(data, name, features):
    """Reads set `name` of the prepared folder `data`, and its features; of a revised window the newest row counts."""
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'UTC'")
    table = db.sql(f"""
        SELECT patient_id::BIGINT AS stay, (epoch(window_end::TIMESTAMPTZ) - {START}) / 3600 AS hour,
               * EXCLUDE (patient_id, window_end, "at", revision, feature_sets)
        FROM '{features}'
        QUALIFY row_number() OVER (PARTITION BY patient_id, window_end ORDER BY "at" DESC, revision DESC) = 1
        ORDER BY stay, hour""").fetchnumpy()
    stays, hours = np.array(table.pop("stay")), np.array(table.pop("hour"))
    columns = {name: np.ma.filled(np.ma.asarray(column, dtype=float), np.nan) for name, column in table.items()}
    context = read_context(data / f"context-{name}.ndjson")
    for i, column in enumerate(CONTEXT):
        columns.setdefault(column, np.array([context[stay][i] for stay in stays]))
    names = [column for column in columns if column not in CONTEXT + NOT_INPUTS] + list(CONTEXT)
    values = np.stack([columns[column] for column in names], axis=1)
    outcomes = db.sql(f"SELECT * FROM '{data}/outcomes-{name}.csv'").fetchnumpy()
    ids = np.array(outcomes["RecordID"])
    by_stay = {stay: {key: column[i] for key, column in outcomes.items()} for i, stay in enumerate(ids)}
    return Cohort(names, values, stays, hours, by_stay, data / f"observations-{name}.parquet")


def read_context(path):
    """stay -> (age in years, 1 for female and 0 for male); NaN where unknown."""
    rows = map(json.loads, path.read_text().splitlines())
    sex = {"female": 1.0, "male": 0.0}
    return {int(row["patient_id"]): (row.get("age", np.nan), sex.get(row.get("sex"), np.nan)) for row in rows}


def pooled(one, other):
    """Two sets as one; stays keep their ids, which differ between the sets."""
    assert one.names == other.names
    joined = [np.concatenate(pair) for pair in ((one.values, other.values), (one.stays, other.stays), (one.hours, other.hours))]
    return Cohort(one.names, *joined, one.outcomes | other.outcomes, one.observations)


def newest_by(cohort, hour):
    """Mask of each stay's newest row at or before `hour`."""
    known = cohort.hours <= hour
    mask = np.zeros(len(cohort.stays), bool)
    rows = np.flatnonzero(known)
    last = np.r_[cohort.stays[rows][1:] != cohort.stays[rows][:-1], True]
    mask[rows[last]] = True
    return mask


@dataclasses.dataclass
class Examples:
    """Rows of a task. `labels` is what happened, `targets` what the network learns from, `judged` the rows that count."""

    rows: Cohort
    labels: np.ndarray
    targets: np.ndarray
    judged: np.ndarray

    def only(self, chosen):
        return Examples(self.rows.rows(chosen), self.labels[chosen], self.targets[chosen], self.judged[chosen])


# Deaths within a year but after discharge: as a target they count this much of an in-hospital death.
LATER_DEATH, LATER_DAYS = 0.2, 365

# The times that the mortality network learns from: the same stay as seen at several hours of its record.
TRAINING_HOURS = (6, 10, 14, 18, 22, 26, 30, 34, 38, 42, 46)


def mortality(cohort):
    """In-hospital death, from the data up to t; judged on each stay's newest row of the 48 h record.

    Patients who die soon after discharge were ill too: the target gives them a part of a death, the label none.
    """
    judged = newest_by(cohort, RECORD_HOURS)
    used = np.isin(cohort.hours, TRAINING_HOURS) | judged | newest_by(cohort, RECORD_HOURS + 1)
    rows = cohort.rows(used)
    died = rows.outcome("In-hospital_death").astype(float)
    survived_days = rows.outcome("Survival")
    died_later = (died == 0) & (survived_days > 0) & (survived_days <= LATER_DAYS)
    return Examples(rows, died, died + LATER_DEATH * died_later, judged[used])


def hypotension(cohort):
    """An onset of hypotension within four hours of t, for stays that are not hypotensive at t.

    Onsets are rare, and single low pressures tell of the same physiology: the target is the mean of "an onset begins"
    and "some pressure falls below 60 mm Hg". Labels, calibration and figures are of onsets alone.
    """
    eligible, begins, falls = onset.label(cohort.observations, cohort.stays, cohort.hours)
    labels, falls = begins[eligible].astype(float), falls[eligible].astype(float)
    return Examples(cohort.rows(eligible), labels, (labels + falls) / 2, np.ones(len(labels), bool))


def both(one, other):
    """Examples of two sets as one."""
    arrays = [np.concatenate([getattr(one, field), getattr(other, field)]) for field in ("labels", "targets", "judged")]
    return Examples(pooled(one.rows, other.rows), *arrays)


TASKS = {"mortality": mortality, "hypotension": hypotension}
