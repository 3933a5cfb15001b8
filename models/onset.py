"""Onset of hypotension, from the mean pressures of a stay.

An *onset* is the first of two consecutive mean pressures below 60 mm Hg within two hours, after four hours in which
there was a pressure and none was below 65; not in the first six hours of a stay. The pressure is the arterial line's
where the stay has one, else the cuff's. Below 20 mm Hg is a flushed or damped line, and no pressure.

    pressures  >= 65 …………………… | < 60   < 60
    ------------|-- 4 hours --|onset--|------> t
                     <= 2 hours: ^-------^
"""

import duckdb
import numpy as np

LOW, NORMAL, ARTEFACT = 60.0, 65.0, 20.0
QUIET_HOURS, CONFIRM_HOURS, FIRST_HOUR, HORIZON_HOURS = 4.0, 2.0, 6.0, 4.0


def pressures(path):
    """stay -> (hours, mean pressures) in order of time."""
    db = duckdb.connect(config={"threads": 1})
    table = db.sql(f"""
        WITH one AS (
            SELECT patient_id::BIGINT AS stay, ts, code, first(value ORDER BY file_row_number) AS value
            FROM read_parquet('{path}', file_row_number = true)
            WHERE code IN ('arterial_mean', 'mean_bp') AND value >= {ARTEFACT} GROUP BY stay, ts, code)
        SELECT stay, epoch(ts - TIMESTAMPTZ '2012-01-01T00:00:00Z') / 3600 AS hour, value
        FROM one QUALIFY code = min(code) OVER (PARTITION BY stay) ORDER BY stay, hour""").fetchnumpy()
    stays = np.array(table["stay"])
    cuts = np.flatnonzero(stays[1:] != stays[:-1]) + 1
    hours, values = np.split(table["hour"], cuts), np.split(table["value"], cuts)
    return {stay: (np.asarray(h), np.asarray(v)) for stay, h, v in zip(np.unique(stays), hours, values)}


def lowest_before(hours, values, ends):
    """Lowest pressure of the four hours before each of `ends`; NaN where there is none."""
    lowest = np.full(len(ends), np.nan)
    first, last = np.searchsorted(hours, ends - QUIET_HOURS), np.searchsorted(hours, ends)
    for i in np.flatnonzero(last > first):
        lowest[i] = values[first[i] : last[i]].min()
    return lowest


def onsets(hours, values):
    """Hours at which an onset begins."""
    confirmed = np.zeros(len(hours), bool)
    confirmed[:-1] = (values[1:] < LOW) & (hours[1:] - hours[:-1] <= CONFIRM_HOURS)
    low = np.flatnonzero((values < LOW) & confirmed & (hours >= FIRST_HOUR))
    return hours[low][lowest_before(hours, values, hours[low]) >= NORMAL]


def label(path, stays, hours):
    """For each row: whether it may be judged, whether an onset begins within four hours from it, and whether any
    pressure is below 60 mm Hg in them.

    Judged are rows from the fourth hour on, with a pressure in the last four hours and none of it below 65, and whose
    record goes on for another four hours.
    """
    known = pressures(path)
    eligible, begins, falls = np.zeros((3, len(stays)), bool)
    edges = np.r_[0, np.flatnonzero(stays[1:] != stays[:-1]) + 1, len(stays)]
    for start, end in zip(edges[:-1], edges[1:]):
        if stays[start] not in known:
            continue
        times, values = known[stays[start]]
        ends = hours[start:end]
        followed = (ends >= QUIET_HOURS) & (ends + HORIZON_HOURS <= np.ceil(times[-1]))
        eligible[start:end] = followed & (lowest_before(times, values, ends) >= NORMAL)
        begins[start:end] = any_within(onsets(times, values), ends)
        falls[start:end] = any_within(times[values < LOW], ends)
    return eligible, begins, falls


def any_within(times, ends):
    """For each of `ends`: whether one of `times` lies in the four hours from it."""
    return np.searchsorted(times, ends + HORIZON_HOURS) > np.searchsorted(times, ends)
