"""CinC 2012 Parquet to what `wardwatch replay` reads.

For a set it writes, into the output folder:

* `observations-SET.parquet`: patient_id, ts (UTC, microseconds), code, value, unit, source; in order of ts;
* `context-SET.ndjson`: one admission a stay with age and sex;
* `outcomes-SET.csv`: the labels and the scores that are reported beside the model, as they came.

Vital signs only: no laboratory values, no urine, no treatments. A stay starts at 2012-01-01T00:00:00Z, so its minute
and its time are the same thing. Implausible values are kept: the engine is to drop them, in training as in use.
"""

import argparse
import json
import pathlib
import shutil

import duckdb

START = "2012-01-01T00:00:00Z"

# CinC name -> our code, canonical unit, factor. SaO2 is the saturation of an arterial blood sample (LOINC 2708-6),
# the nearest that these records have to a pulse oximeter's.
VITAL_SIGNS = {
    "HR": ("heart_rate", "/min", 1),
    "Temp": ("temperature", "Cel", 1),
    "GCS": ("gcs_total", "{score}", 1),
    "RespRate": ("resp_rate", "/min", 1),
    "FiO2": ("fio2", "%", 100),
    "SaO2": ("spo2", "%", 1),
    "NISysABP": ("systolic_bp", "mm[Hg]", 1),
    "NIDiasABP": ("diastolic_bp", "mm[Hg]", 1),
    "NIMAP": ("mean_bp", "mm[Hg]", 1),
    "SysABP": ("arterial_systolic", "mm[Hg]", 1),
    "DiasABP": ("arterial_diastolic", "mm[Hg]", 1),
    "MAP": ("arterial_mean", "mm[Hg]", 1),
}


def observations(db, source, target):
    """Writes the long table. -1 means unknown in these records."""
    db.execute("CREATE OR REPLACE TEMP TABLE sign (parameter VARCHAR, code VARCHAR, unit VARCHAR, factor DOUBLE)")
    db.executemany("INSERT INTO sign VALUES (?, ?, ?, ?)", [(name, *row) for name, row in VITAL_SIGNS.items()])
    # The values were stored in single precision: rounding gives back the decimals that were charted.
    db.execute(f"""
        COPY (
            SELECT record_id::VARCHAR AS patient_id,
                   TIMESTAMPTZ '{START}' + to_minutes(minute::BIGINT) AS ts,
                   code, round(round(value::DOUBLE, 4) * factor, 4) AS value, unit, 'charting' AS source
            FROM read_parquet('{source}', file_row_number = true) JOIN sign USING (parameter)
            WHERE value <> -1
            ORDER BY minute, record_id, file_row_number
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")


def context(db, source, target):
    """Writes one admission a stay. An unknown age or sex is left out."""
    stays = db.sql(f"""
        SELECT record_id,
               max(value) FILTER (parameter = 'Age' AND value > 0) AS age,
               max(value) FILTER (parameter = 'Gender' AND value >= 0) AS gender
        FROM '{source}' GROUP BY record_id ORDER BY record_id""").fetchall()
    with open(target, "w", encoding="utf-8") as out:
        for record_id, age, gender in stays:
            record = {"patient_id": str(record_id), "ts": START, "event": "admit"}
            if age is not None:
                record["age"] = int(age)
            if gender is not None:
                record["sex"] = "male" if gender == 1 else "female"
            out.write(json.dumps(record) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cinc", type=pathlib.Path, required=True, help="folder with set-SET.parquet, outcomes-SET.csv")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--sets", default="a,b")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'UTC'")
    for name in args.sets.split(","):
        source = args.cinc / f"set-{name}.parquet"
        observations(db, source, args.out / f"observations-{name}.parquet")
        context(db, source, args.out / f"context-{name}.ndjson")
        shutil.copyfile(args.cinc / f"outcomes-{name}.csv", args.out / f"outcomes-{name}.csv")


if __name__ == "__main__":
    main()
