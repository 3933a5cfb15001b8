"""CinC 2012 outcomes as `wardwatch backtest --outcomes` reads them.

    python outcomes.py --cinc CINC --data DATA [--sets a,b]

Writes `DATA/backtest-outcomes-SET.csv`: two kinds of outcome a stay, with age, sex and unit.

* `death`: in hospital, at a time that these records do not tell;
* `hypotension`: each onset (onset.py), at its time. Where a stay has pressures, onsets are known until the last of them;
  where it has none, nothing is known of them, and there is no row.
"""

import argparse
import csv
import datetime
import json
import pathlib

import duckdb
import numpy as np

import onset

START = datetime.datetime(2012, 1, 1, tzinfo=datetime.timezone.utc)
UNITS = {1: "coronary", 2: "cardiac surgery", 3: "medical", 4: "surgical"}
COLUMNS = ["patient_id", "kind", "outcome", "outcome_at", "known_until", "age", "sex", "unit"]


def instant(hour):
    """RFC 3339, from hours since a stay's start."""
    return (START + datetime.timedelta(hours=float(hour))).strftime("%Y-%m-%dT%H:%M:%SZ")


def units(db, source):
    """stay -> the kind of intensive care unit."""
    rows = db.sql(f"SELECT record_id, max(value) FROM '{source}' WHERE parameter = 'ICUType' GROUP BY record_id").fetchall()
    return {stay: UNITS.get(int(kind), "") for stay, kind in rows if kind is not None}


def people(path):
    """stay -> (age, sex) as text, empty where unknown."""
    rows = map(json.loads, path.read_text().splitlines())
    return {int(row["patient_id"]): (str(row.get("age", "")), row.get("sex", "")) for row in rows}


def rows(stay, died, pressures, about):
    """The rows of one stay."""
    yield [stay, "death", int(died), "", "", *about]
    if pressures is None:
        return
    hours, values = pressures
    begun, until = onset.onsets(hours, values), instant(np.ceil(hours[-1]))
    for hour in begun:
        yield [stay, "hypotension", 1, instant(hour), until, *about]
    if len(begun) == 0:
        yield [stay, "hypotension", 0, "", until, *about]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cinc", type=pathlib.Path, required=True, help="folder with set-SET.parquet, outcomes-SET.csv")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--sets", default="a,b")
    args = parser.parse_args()
    db = duckdb.connect(config={"threads": 1})
    for name in args.sets.split(","):
        known = onset.pressures(args.data / f"observations-{name}.parquet")
        unit, about = units(db, args.cinc / f"set-{name}.parquet"), people(args.data / f"context-{name}.ndjson")
        table = db.sql(f"""SELECT RecordID, "In-hospital_death" FROM '{args.cinc}/outcomes-{name}.csv' ORDER BY RecordID""")
        with open(args.data / f"backtest-outcomes-{name}.csv", "w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(COLUMNS)
            for stay, died in table.fetchall():
                writer.writerows(rows(stay, died, known.get(stay), (*about[stay], unit.get(stay, ""))))


if __name__ == "__main__":
    main()
