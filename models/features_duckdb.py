"""The feature sets of a pipeline, computed by DuckDB and held against what Wardwatch made of the same observations.

    python features_duckdb.py --pipeline P.yaml --observations O.parquet --features F.parquet

An independent reading of the same SQL: F is what `wardwatch replay P.yaml --input O.parquet --features F.parquet` wrote.
Every row must be there on both sides, and every feature must agree to a relative 1e-9; else the exit code is 1.

It assumes what holds for the prepared CinC files: nothing arrives late, and every unit is canonical.
"""

import argparse
import pathlib
import re
import sys

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
    "systolic_bp": (5, 375),
    "diastolic_bp": (5, 375),
    "mean_bp": (5, 375),
    "arterial_systolic": (5, 375),
    "arterial_diastolic": (5, 375),
    "arterial_mean": (5, 375),
}
# The best values of crates/clinical: of several values of one instant the latest is the one furthest from it, of two as far the lower.
BEST = {
    "heart_rate": 85.5,
    "temperature": 37.05,
    "gcs_total": 15,
    "resp_rate": 16.5,
    "fio2": 20,
    "spo2": 100,
    "systolic_bp": 155,
    "diastolic_bp": 80,
    "mean_bp": 95,
    "arterial_systolic": 155,
    "arterial_diastolic": 80,
    "arterial_mean": 95,
}
SECONDS = {"m": 60, "h": 3600}
TOLERANCE = 1e-9

# Wardwatch's own aggregates of one vital sign in DuckDB's words; a slope is per minute, an age in seconds. A slope over one
# value is not a number there and missing here.
AGGREGATES = {
    r"\blatest\((\w+)\)": lambda found: latest(found[1]),
    r"\bage\((\w+)\)": r"(epoch(window_end) - epoch(max(ts) FILTER (\1 IS NOT NULL)))",
    r"\bslope\((\w+)\)": r"nullif(regr_slope(\1, (epoch(ts) - epoch(window_end)) / 60), 'nan'::DOUBLE)",
}


def seconds(span):
    """`6h` -> 21600."""
    return int(span[:-1]) * SECONDS[span[-1]]


def latest(name):
    """The newest value of a vital sign; of one instant the worst."""
    return f"last({name} ORDER BY ts, abs({name} - {BEST[name]}), -{name}) FILTER ({name} IS NOT NULL)"


def vitals(db, observations):
    """One row a reading, one column a vital sign; exact repeats once."""
    ranges = " OR ".join(f"(code = '{code}' AND value BETWEEN {low} AND {high})" for code, (low, high) in PLAUSIBLE.items())
    columns = ", ".join(f"CASE WHEN code = '{code}' THEN value END AS {code}" for code in PLAUSIBLE)
    db.execute(f"""
        CREATE TABLE vitals_all AS
        WITH kept AS (SELECT DISTINCT patient_id, ts, code, value FROM read_parquet({observations}) WHERE {ranges})
        SELECT patient_id, ts, {columns} FROM kept""")


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


def compare(db, names, features):
    """Prints how the two sides differ; the number of rows and features that do."""
    joined = names[0] + "".join(f" FULL JOIN {name} USING (patient_id, window_end)" for name in names[1:])
    db.execute(f"CREATE TABLE expected AS SELECT * FROM {joined}")
    db.execute(f"""
        CREATE TABLE found AS SELECT * FROM '{features}'
        QUALIFY row_number() OVER (PARTITION BY patient_id, window_end ORDER BY "at" DESC, revision DESC) = 1""")
    columns = [name for (name,) in db.sql("SELECT column_name FROM (DESCRIBE expected)").fetchall()]
    columns = [name for name in columns if name not in ("patient_id", "window_end")]
    expected, found = (db.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("expected", "found"))
    print(f"rows: {expected:,} expected, {found:,} found, {len(columns)} features each")
    both = db.sql("SELECT count(*) FROM expected JOIN found USING (patient_id, window_end)").fetchall()[0][0]
    differing = expected + found - 2 * both
    for name in columns:
        wrong, worst = db.sql(f"""
            SELECT count(*) FILTER ((want IS NULL) <> (have IS NULL) OR difference > {TOLERANCE}), max(difference)
            FROM (SELECT *, abs(want - have) / greatest(abs(want), abs(have), 1) AS difference FROM (
                SELECT e.{name}::DOUBLE AS want, f.{name}::DOUBLE AS have FROM expected e JOIN found f USING (patient_id, window_end)))""").fetchall()[0]
        if wrong:
            print(f"{name}: {wrong:,} rows differ, the worst by {worst}")
        differing += wrong
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=pathlib.Path, required=True)
    parser.add_argument("--observations", type=pathlib.Path, required=True, nargs="+")
    parser.add_argument("--features", type=pathlib.Path, required=True)
    args = parser.parse_args()
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'UTC'")
    vitals(db, [str(path) for path in args.observations])
    names = [extract(db, feature_set) for feature_set in yaml.safe_load(args.pipeline.read_text())["features"]]
    differing = compare(db, names, args.features)
    sys.exit(f"{differing:,} values or rows differ" if differing else None)


if __name__ == "__main__":
    main()
