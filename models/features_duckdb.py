"""The feature sets of a pipeline, computed by DuckDB instead of Wardwatch.

An independent reading of the same SQL: it checks the engine, and lets a network be tried out
before a pipeline runs. The shipped models are trained on what Wardwatch itself extracts.

It assumes what holds for the prepared CinC files: nothing arrives late, and every unit is canonical.
"""

import argparse
import pathlib
import re

import duckdb
import yaml

# Plausible ranges of crates/clinical for the vital signs of CinC 2012; values outside are quarantined, not scored.
PLAUSIBLE = {
    "heart_rate": (0, 350),
    "temperature": (25, 45),
    "gcs_total": (3, 15),
    "resp_rate": (0, 150),
    "fio2": (20, 100),
    "spo2": (10, 100),
    "systolic_bp": (0, 375),
    "diastolic_bp": (0, 375),
    "mean_bp": (0, 375),
    "arterial_systolic": (0, 375),
    "arterial_diastolic": (0, 375),
    "arterial_mean": (0, 375),
}
SECONDS = {"m": 60, "h": 3600}

# Wardwatch's own aggregates of one vital sign in DuckDB's words; a slope is per minute, an age in seconds.
AGGREGATES = {
    r"\blatest\((\w+)\)": r"arg_max(\1, ts)",
    r"\bage\((\w+)\)": r"(epoch(window_end) - epoch(max(ts) FILTER (\1 IS NOT NULL)))",
    r"\bslope\((\w+)\)": r"regr_slope(\1, (epoch(ts) - epoch(window_end)) / 60)",
}


def seconds(span):
    """`6h` -> 21600."""
    return int(span[:-1]) * SECONDS[span[-1]]


def vitals(db, observations):
    """One row a patient and time, one column a vital sign; of equal identities the first in the file wins."""
    ranges = " OR ".join(f"(code = '{code}' AND value BETWEEN {low} AND {high})" for code, (low, high) in PLAUSIBLE.items())
    columns = ", ".join(f"max(value) FILTER (code = '{code}') AS {code}" for code in PLAUSIBLE)
    db.execute(f"""
        CREATE TABLE vitals_all AS
        WITH kept AS (
            SELECT patient_id, ts, code, arg_min(value, file_row_number) AS value
            FROM read_parquet('{observations}', file_row_number = true)
            WHERE {ranges} GROUP BY patient_id, ts, code)
        SELECT patient_id, ts, {columns} FROM kept GROUP BY patient_id, ts""")


def extract(db, feature_set):
    """A table of (patient_id, window_end, features…): one row for each pane that holds rows."""
    window, every = seconds(feature_set["window"]), seconds(feature_set["every"])
    head, tail = feature_set["sql"].split("FROM vitals")
    name = feature_set["name"]
    db.execute(f"""
        CREATE TABLE ends AS
        SELECT DISTINCT patient_id, to_timestamp((epoch(ts)::BIGINT // {every} + 1) * {every}) AS window_end
        FROM vitals_all""")
    sql = head.replace("SELECT patient_id,", "SELECT patient_id, window_end,") + "FROM vitals" + tail
    sql = sql.replace("GROUP BY patient_id", "GROUP BY patient_id, window_end")
    for wardwatch, duck in AGGREGATES.items():
        sql = re.sub(wardwatch, duck, sql)
    db.execute(f"""
        CREATE TABLE {name} AS
        WITH vitals AS (
            SELECT ends.window_end, v.* FROM ends JOIN vitals_all v ON v.patient_id = ends.patient_id
            AND v.ts < ends.window_end AND v.ts >= ends.window_end - INTERVAL {window} SECOND)
        {sql}""")
    db.execute("DROP TABLE ends")
    return name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=pathlib.Path, required=True, help="a pipeline's YAML; its `features` are read")
    parser.add_argument("--observations", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="one Parquet file: all sets joined")
    args = parser.parse_args()
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'UTC'")
    vitals(db, args.observations)
    names = [extract(db, feature_set) for feature_set in yaml.safe_load(args.pipeline.read_text())["features"]]
    joined = names[0] + "".join(f" FULL JOIN {name} USING (patient_id, window_end)" for name in names[1:])
    db.execute(f"COPY (SELECT * FROM {joined} ORDER BY patient_id, window_end) TO '{args.out}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    main()
