"""Agreement of Wardwatch's runtime (tract) with onnxruntime on 10,000 rows.

    python compare.py MODEL_FOLDER --features F.parquet --data DATA --write rows.csv
    (score rows.csv with Wardwatch: one probability a line)
    python compare.py MODEL_FOLDER --rows rows.csv --tract tract.csv

The second form fails when any row differs by more than 1e-5, else writes the figure into the model card.
"""

import argparse
import pathlib
import re
import sys

import duckdb
import numpy as np

import cohort
from contract import Session, write_rows

ROWS = 10_000
TOLERANCE = 1e-5


def sample(folder, features, data, name):
    """Rows evenly spread over a set, inputs in the contract's order."""
    everything = cohort.load(data, name, features)
    chosen = np.linspace(0, len(everything.stays) - 1, ROWS).astype(int)
    names = [spec["name"] for spec in Session(folder).contract["inputs"]]
    return names, np.stack([everything.column(column)[chosen] for column in names], axis=1)


def read_rows(path):
    table = duckdb.sql(f"SELECT * FROM read_csv('{path}', header = true, all_varchar = true)").fetchnumpy()
    return np.stack([np.array([float(cell) if cell else np.nan for cell in np.ma.filled(column, "")]) for column in table.values()], axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--features", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, help="what prepare.py wrote")
    parser.add_argument("--set", default="b")
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--rows", type=pathlib.Path)
    parser.add_argument("--tract", type=pathlib.Path, help="one probability a line; an empty line where there is none")
    args = parser.parse_args()
    if args.write:
        names, values = sample(args.folder, args.features, args.data, args.set)
        write_rows(args.write, names, values)
        return
    expected = Session(args.folder).score(read_rows(args.rows))
    got = np.array([float(line) if line.strip() else np.nan for line in args.tract.read_text().splitlines()])
    if len(got) != len(expected):
        sys.exit(f"{args.tract} has {len(got)} lines, {args.rows} {len(expected)} rows")
    scored = ~np.isnan(got)
    worst = np.abs(got - expected)[scored].max()
    text = f"largest difference {worst:.1e} on {scored.sum():,} rows ({(~scored).sum()} without a score)"
    if worst > TOLERANCE:
        sys.exit(f"{text}, allowed {TOLERANCE:.0e}")
    card = args.folder / "CARD.md"
    card.write_text(re.sub(r"(- Agreement of [^:]*: ).*", rf"\g<1>{text}", card.read_text()))
    print(text)


if __name__ == "__main__":
    main()
