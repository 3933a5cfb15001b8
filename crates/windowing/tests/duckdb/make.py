"""Writes series.csv and golden.csv: awkward series, and every aggregate over their windows as DuckDB gives it.

    pip install duckdb==2.0.1 && python3 make.py

A row of golden.csv is an aggregate over one window of 60 s: what DuckDB gives (NaN, which no feature is, as null), and what is
exact where DuckDB is further than 1e-9 from it. DuckDB itself loses digits to large offsets and absolute times: exact values are computed in fractions.
"""

import csv
import math
import random
from fractions import Fraction
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
START = 1_790_002_800  # seconds; a multiple of an hour
WINDOW, SLIDE, LENGTH = 60, 20, 120  # seconds


def every(seconds, value):
    return [(second * 1_000_000, value(at)) for at, second in enumerate(range(0, LENGTH, seconds))]


def series():
    pick = random.Random(13)
    tenths = lambda low, high: round(pick.uniform(low, high), 1)
    yield "constant", every(3, lambda at: 36.6)
    yield "constant_huge", every(3, lambda at: 1e9)
    yield "whole", every(2, lambda at: pick.randrange(0, 350))
    yield "nought_nought_seven", [(0, 0), (1_000_000, 0), (2_000_000, 7)]
    yield "tenths", every(2, lambda at: tenths(35, 41))
    yield "offset_whole", every(2, lambda at: 1e9 + pick.randrange(10))
    yield "offset_quarters", every(2, lambda at: 1e12 + 0.25 * pick.randrange(8))
    yield "tiny_differences", every(2, lambda at: 97 + 1e-9 * pick.randrange(16))
    yield "one_differs", every(2, lambda at: 97 if at != 20 else 96.999999999)
    yield "artefact_first", every(1, lambda at: 0 if at == 0 else 97 + 0.1 * pick.randrange(3))
    yield "artefact_each_pane", every(1, lambda at: 0 if at % 10 == 0 else 97 + 0.1 * pick.randrange(3))
    yield "trend", every(1, lambda at: 120 - 0.25 * at + 0.5 * pick.randrange(4))
    yield "with_sign", every(2, lambda at: pick.uniform(-1000, 1000))
    yield "small", every(2, lambda at: pick.uniform(1e-6, 2e-6))
    yield "one", [(34_500_000, 91.5)]
    yield "two", [(12_345_678, 91.5), (47_000_001, 93.25)]
    yield "two_close", [(35_000_000, 91.5), (35_000_001, 91.25)]
    yield "two_equal", [(12_000_000, 97.3), (47_000_000, 97.3)]
    yield "two_at_once", [(33_000_000, 88.0), (33_000_000, 91.0)]
    yield "all_at_once", [(33_000_000, 80.0 + at) for at in (7, 3, 9, 1)]
    ties = [(second * 1_000_000, tenths(80, 100)) for second in range(0, LENGTH, 5) for _ in range(3)]
    yield "ties", ties
    gaps = every(1, lambda at: tenths(88, 99))
    yield "gaps", [(at, value if pick.random() < 0.4 else None) for at, value in gaps]
    yield "nothing", [(at * 1_000_000, None) for at in range(0, LENGTH, 10)]
    uneven = sorted(pick.randrange(LENGTH * 1_000_000) for _ in range(90))
    yield "uneven", [(at, pick.uniform(60, 140)) for at in uneven]


def exact(name, rows):
    """The statistic in fractions; nothing where DuckDB's word is taken."""
    if name.endswith("_filter"):
        keep = (lambda x: x > 10) if name.startswith(("stddev", "slope")) else (lambda x: x < 95)
        name, rows = name.removesuffix("_filter"), [row for row in rows if keep(row["x"])]
    name = name.removesuffix("_expr")
    micros = name.endswith("_micros") or name == "slope"
    name = {"covar_micros": "covar_pop"}.get(name, name).removesuffix("_micros")
    y, x = [Fraction(row["x"]) for row in rows], [Fraction(row["micros" if micros else "seconds"]) for row in rows]
    n = len(rows)
    if n == 0:
        return None
    my, mx = sum(y) / n, sum(x) / n
    syy, sxx = sum((v - my) ** 2 for v in y), sum((v - mx) ** 2 for v in x)
    sxy = sum((a - my) * (b - mx) for a, b in zip(y, x))
    root = lambda value: None if value is None else math.sqrt(value)
    sample = lambda value: value / (n - 1) if n > 1 else None
    slope = sxy / sxx if sxx else None
    statistics = {
        "sum": sum(y),
        "avg": my,
        "mean": my,
        "var": sample(syy),
        "var_samp": sample(syy),
        "var_pop": syy / n,
        "stddev": root(sample(syy)),
        "stddev_pop": root(syy / n),
        "slope": slope and slope * 60_000_000,
        "corr": math.copysign(math.sqrt(sxy * sxy / sxx / syy), sxy) if sxx and syy else None,
        "covar": sample(sxy),
        "covar_samp": sample(sxy),
        "covar_pop": sxy / n,
        "regr_slope": slope,
        "regr_intercept": None if slope is None else my - slope * mx,
        "regr_r2": None if slope is None else slope * sxy / syy if syy else 1,
        "regr_sxx": sxx,
        "regr_syy": syy,
        "regr_sxy": sxy,
    }
    return float(statistics[name]) if statistics.get(name) is not None else None


EXACT = {
    "sum", "avg", "mean", "var", "var_samp", "var_pop", "stddev", "stddev_pop", "slope", "sum_expr", "avg_expr", "var_expr",
    "stddev_pop_expr", "avg_filter", "sum_filter", "stddev_filter", "slope_filter", "corr", "covar", "covar_samp", "covar_pop",
    "regr_slope", "regr_intercept", "regr_r2", "regr_sxx", "regr_syy", "regr_sxy", "corr_micros", "covar_micros",
    "regr_slope_micros",
}  # fmt: skip


def number(value):
    if value is None or math.isnan(value) or math.isinf(value):
        return None
    return float(value)


def near(one, other):
    if one is None or other is None:
        return one is other
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def main():
    with (HERE / "aggregates.csv").open() as file:
        aggregates = list(csv.DictReader(file, delimiter="|"))
    everything = list(series())
    with (HERE / "series.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "micros", "value"])
        for name, rows in everything:
            writer.writerows([name, micros, "" if value is None else repr(float(value))] for micros, value in rows)
    cells, off = 0, 0
    with (HERE / "golden.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "end", "aggregate", "duckdb", "exact"])
        for name, rows in everything:
            for end in range(SLIDE, LENGTH + 1, SLIDE):
                covered = range((end - WINDOW) * 1_000_000, end * 1_000_000)
                within = [(at, float(value)) for at, value in rows if at in covered and value is not None]
                # A window without a row is not evaluated.
                if not any(at in covered for at, _ in rows):
                    continue
                table = [
                    {
                        "ts": START * 1_000_000 + at,
                        "x": value,
                        "seconds": (START * 1_000_000 + at) / 1e6,
                        "minutes": at / 60e6,
                        "micros": float(START * 1_000_000 + at),
                    }
                    for at, value in within
                ]
                duckdb.sql("CREATE OR REPLACE TABLE vitals(ts BIGINT, x DOUBLE, seconds DOUBLE, minutes DOUBLE, micros DOUBLE)")
                if table:
                    duckdb.executemany("INSERT INTO vitals VALUES (?, ?, ?, ?, ?)", [list(row.values()) for row in table])
                columns = ", ".join(aggregate["duckdb"] for aggregate in aggregates)
                results = duckdb.sql(f"SELECT {columns} FROM vitals").fetchall()[0]
                for aggregate, result in zip(aggregates, results):
                    theirs = number(result)
                    right = exact(aggregate["name"], table) if aggregate["name"] in EXACT else theirs
                    is_off = not near(theirs, right)
                    cells, off = cells + 1, off + is_off
                    text = lambda value: "null" if value is None else repr(value)
                    writer.writerow([name, end, aggregate["name"], text(theirs), text(right) if is_off else ""])
    print(f"{cells} cells, DuckDB is further than 1e-9 from exact in {off}")


if __name__ == "__main__":
    main()
