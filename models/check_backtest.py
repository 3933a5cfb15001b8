"""A back-test's figures, computed a second time: by scikit-learn from its scores, and from a replay's alert log.

    wardwatch replay P.yaml --input O.parquet C.ndjson --scores replayed.ndjson --alerts alerts.ndjson
    wardwatch backtest P.yaml --input O.parquet C.ndjson --outcomes outcomes.csv --output json --scores scores.csv > report.json
    python check_backtest.py --pipeline P.yaml --observations O.parquet --outcomes outcomes.csv \\
        --scores scores.csv --replayed replayed.ndjson --alerts alerts.ndjson --report report.json [--landmark 24]

Exit code 1 when any figure differs by more than 1e-9, or a replay decides other windows than the back-test. A model's answers
may differ in their last bits with the rows that it is asked about together, so figures are of the scores that the back-test
wrote, and the replay's are held against these. Nothing of Wardwatch's is used but what it wrote: the rules of the guide
(docs/src/backtests.md) are read a second time here. It assumes what holds for the prepared CinC files: rows carry no
arrival times, so log time is `ts`; every unit is canonical.
"""

import argparse
import collections
import csv
import datetime
import json
import pathlib
import re
import sys

import duckdb
import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from features_duckdb import PLAUSIBLE

TOLERANCE = 1e-9
ANSWERS = 1e-5
HOUR = 3_600_000_000
UNITS = {"s": 1_000_000, "m": 60_000_000, "h": HOUR, "d": 24 * HOUR}
AGES = [(0, 45), (45, 65), (65, 80), (80, None)]
SMALLEST_GROUP = 30
RESAMPLES, SEED, STEP = 1000, 2012, 0x9E3779B97F4A7C15
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
INTERVALS_OF = ("at", "last", "highest")

Prediction = collections.namedtuple("Prediction", "outcome horizon recurs")
Outcome = collections.namedtuple("Outcome", "came times until")
Row = collections.namedtuple("Row", "patient at score came")


def micros(text):
    """RFC 3339 -> µs UTC."""
    return (datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(microseconds=1)


def length(text):
    """`1h30m` -> µs."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))


def spans(observations):
    """patient -> first and last message, µs UTC. Rows with a value that is not plausible are no messages."""
    ranges = " OR ".join(f"(code = '{code}' AND value BETWEEN {low} AND {high})" for code, (low, high) in PLAUSIBLE.items())
    rows = duckdb.connect(config={"threads": 1}).sql(
        f"SELECT patient_id, epoch_us(min(ts)), epoch_us(max(ts)) FROM '{observations}' WHERE {ranges} GROUP BY patient_id").fetchall()
    return {patient: (first, last) for patient, first, last in rows}


def read_outcomes(path):
    """patient -> kind -> Outcome; patient -> groups."""
    times, groups = collections.defaultdict(dict), collections.defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            of_patient = times[row["patient_id"]]
            outcome = of_patient.setdefault(row.get("kind", "outcome"), Outcome(row["outcome"] == "1", [], None))
            if row["outcome"] == "1" and row.get("outcome_at"):
                outcome.times.append(micros(row["outcome_at"]))
            if row.get("known_until"):
                of_patient[row.get("kind", "outcome")] = outcome._replace(until=micros(row["known_until"]))
            groups[row["patient_id"]] = list(groups_of(row))
    for of_patient in times.values():
        for outcome in of_patient.values():
            outcome.times.sort()
    return times, groups


def groups_of(row):
    if row.get("age"):
        for low, high in AGES:
            if float(row["age"]) >= low and (high is None or float(row["age"]) < high):
                yield f"age {low} and over" if high is None else f"age {low} to {high - 1}"
    for name in ("sex", "unit"):
        if row.get(name):
            yield f"{name} {row[name]}"


def predictions(pipeline):
    """What each score and alarm of the pipeline predicts; an alarm on scores that agree, what they do."""
    def read(part):
        said = part.get("predicts")
        return said and Prediction(said["outcome"], length(said["horizon"]) if "horizon" in said else None, said.get("recurs", False))

    scores = {score["name"]: read(score) for score in pipeline["scores"]}
    alarms = {}
    for alarm in pipeline["alarms"]:
        words = set(re.findall(r"\w+", f"{alarm.get('when', '')} {alarm.get('clear_when', '')}"))
        used = {scores[name] for name in scores if {name, f"{name}_lowest", f"{name}_highest"} & words}
        alarms[alarm["name"]] = read(alarm) or (used.pop() if len(used) == 1 else None)
    return scores, alarms


def read_scores(path):
    """score -> patient -> [(at, value)]; `_lowest` is a score of its own."""
    scores = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, value in ((row["score"], row["value"]), (row["score"] + "_lowest", row["lowest"])):
                if value:
                    scores[name][row["patient_id"]].append((micros(row["at"]), float(value)))
    return scores


def read_replayed(path):
    """As read_scores, from a replay's records; only what was computed of the record's own window."""
    scores = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            at = micros(record["at"])
            for score in record["scores"]:
                if score.get("window_end") != record["window_end"]:
                    continue
                for name, value in ((score["name"], score.get("value")), (score["name"] + "_lowest", score.get("lowest"))):
                    if value is not None:
                        scores[name][record["patient_id"]].append((at, value))
    return scores


def check_replay(check, scores, replayed):
    """A replay decides the same windows, with the same answers but for the last bits of a model's."""
    check.same("scores replayed", sorted(scores) == sorted(replayed), True)
    for name in scores:
        check.same(f"{name}: patients replayed", sorted(scores[name]) == sorted(replayed[name]), True)
        for patient, values in scores[name].items():
            again = replayed[name].get(patient, [])
            same = [at for at, _ in values] == [at for at, _ in again]
            close = same and all(abs(one - other) <= ANSWERS for (_, one), (_, other) in zip(values, again))
            check.same(f"{name}: values replayed", close, True)


def times_of(outcome, predicts):
    return outcome.times if predicts.recurs else outcome.times[:1]


def answer(outcome, at, predicts):
    """True or False: whether the outcome follows within the horizon; None where nobody knows."""
    if outcome.came and not outcome.times:
        return None
    after = [time for time in times_of(outcome, predicts) if time > at]
    if after and (predicts.horizon is None or after[0] <= at + predicts.horizon):
        return True
    if not after and outcome.came and not predicts.recurs:
        return None
    if predicts.horizon is not None and outcome.until is not None and at + predicts.horizon > outcome.until:
        return None
    return False


def followed(outcome, at, predicts):
    """Whether it is known what came within the horizon."""
    is_open = predicts.horizon is not None and outcome.until is not None and at + predicts.horizon > outcome.until
    return answer(outcome, at, predicts) is not None or not is_open


def ranked(values, outcomes, stays, predicts, ranking, landmark):
    """The rows of one ranking, patients in order of their ids."""
    rows, untimed_seen = [], False
    for patient in sorted(stays):
        outcome = outcomes.get(patient, {}).get(predicts.outcome)
        if outcome is None:
            continue
        of_patient = values.get(patient, [])
        if ranking == "each value":
            untimed_seen |= outcome.came and not outcome.times and bool(of_patient)
            rows += [Row(patient, at, score, came) for at, score in of_patient if (came := answer(outcome, at, predicts)) is not None]
            continue
        begin, end = stays[patient]
        first = min(outcome.times, default=None)
        if first is not None and first <= begin:
            continue
        before = [(at, score) for at, score in of_patient if first is None or at < first]
        untimed = outcome.came and not outcome.times
        if ranking.startswith("at "):
            mark = begin + landmark
            before = [value for value in before if value[0] <= mark]
            if end < mark or not before or (first is not None and first <= mark):
                continue
            (at, score), came = before[-1], True if untimed else answer(outcome, mark, predicts)
        elif ranking == "last":
            before = [value for value in before if untimed or followed(outcome, value[0], predicts)]
            if not before:
                continue
            at, score = before[-1]
            came = True if untimed else answer(outcome, at, predicts)
        else:
            if first is not None and predicts.horizon is not None:
                before = [value for value in before if value[0] >= first - predicts.horizon]
            if not before:
                continue
            (at, score), came = max(before, key=lambda value: value[1]), outcome.came
        if came is not None:
            rows.append(Row(patient, at, score, came))
    return [] if untimed_seen and not any(row.came for row in rows) else rows


def arrays(rows):
    return np.array([row.came for row in rows], dtype=int), np.array([row.score for row in rows], dtype=float)


def areas(rows, weights=None):
    came, score = arrays(rows)
    kept = slice(None) if weights is None else weights > 0
    both = len(set(came[kept])) == 2
    weights = None if weights is None else weights[kept]
    return (
        roc_auc_score(came[kept], score[kept], sample_weight=weights) if both else None,
        average_precision_score(came[kept], score[kept], sample_weight=weights) if came[kept].any() else None,
    )


def calibration(rows):
    """Slope, intercept, observed over expected, Brier."""
    came, score = arrays(rows)
    clipped = np.clip(score, 1e-9, 1 - 1e-9)
    logit = np.log(clipped / (1 - clipped))[:, None]
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(logit, came)
    return fit.coef_[0, 0], fit.intercept_[0], came.sum() / score.sum(), brier_score_loss(came, score)


def draws(count):
    """How often each of `count` patients is drawn, resample by resample: SplitMix64, as crates/workbench/src/backtest/metrics.rs."""
    with np.errstate(over="ignore"):
        for resample in range(RESAMPLES):
            numbers = np.arange(resample * count + 1, (resample + 1) * count + 1, dtype=np.uint64)
            state = np.uint64(SEED) + np.uint64(STEP) * numbers
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state ^= state >> np.uint64(31)
            yield np.bincount((state % np.uint64(count)).astype(int), minlength=count)


def interval(rows, figures):
    """Percentiles of `figures(rows, weights)` over resamples of the patients."""
    place = {patient: index for index, patient in enumerate(dict.fromkeys(row.patient for row in rows))}
    of_row = np.array([place[row.patient] for row in rows])
    resampled = [figures(rows, times[of_row].astype(float)) for times in draws(len(place))]
    return [np.quantile([figure for figure in column if figure is not None], [0.025, 0.975]) for column in zip(*resampled)]


class Check:
    def __init__(self):
        self.count, self.wrong, self.worst = 0, [], 0.0

    def same(self, name, expected, got):
        self.count += 1
        if expected is None or got is None:
            if expected is not got:
                self.wrong.append(f"{name}: {expected} expected, {got} found")
            return
        difference = abs(expected - got)
        self.worst = max(self.worst, difference)
        if difference > TOLERANCE:
            self.wrong.append(f"{name}: {expected} expected, {got} found")


def value(figure):
    return figure and figure["value"]


def check_group(check, name, rows, found):
    check.same(f"{name}: rows", len(rows), found["rows"])
    check.same(f"{name}: patients", len({row.patient for row in rows}), found["patients"])
    check.same(f"{name}: outcomes", sum(row.came for row in rows), found["outcomes"])
    if not rows:
        return
    for area, figure in zip(areas(rows), ("auroc", "auprc")):
        check.same(f"{name}: {figure}", area, value(found[figure]))
    if found["calibration"] and 0 < found["outcomes"] < found["rows"]:
        names = ("slope", "intercept", "observed_over_expected", "brier")
        for figure, expected in zip(names, calibration(rows)):
            check.same(f"{name}: {figure}", expected, value(found["calibration"][figure]))


def check_scores(check, report, scores, outcomes, groups, stays, predicts, landmark):
    rows_of = {}
    for found in report["scores"]:
        name = found["score"]
        asked = predicts[name.removesuffix("_lowest")]
        check.same(f"{name}: values", sum(map(len, scores[name].values())), found["evaluated"])
        for ranking in found["rankings"]:
            rows = ranked(scores[name], outcomes, stays, asked, ranking["ranking"], landmark)
            label = f"{name}, {ranking['ranking']}"
            check_group(check, label, rows, ranking)
            by_group = collections.defaultdict(list)
            for row in rows:
                for group in groups[row.patient]:
                    by_group[group].append(row)
            large = {group for group, of in by_group.items() if len({row.patient for row in of}) >= SMALLEST_GROUP}
            check.same(f"{label}: groups", len(large), len(ranking["groups"]))
            for group in ranking["groups"]:
                check_group(check, f"{label}, {group['group']}", by_group[group["group"]], group)
            if rows and ranking["auroc"] and ranking["ranking"].startswith(INTERVALS_OF):
                for figure, (low, high) in zip(("auroc", "auprc"), interval(rows, areas)):
                    check.same(f"{label}: {figure} low", low, ranking[figure]["low"])
                    check.same(f"{label}: {figure} high", high, ranking[figure]["high"])
        for beside in found["beside"]:
            check_beside(check, name, beside, scores, outcomes, stays, asked, landmark, rows_of)


def check_beside(check, name, beside, scores, outcomes, stays, asked, landmark, rows_of):
    def keyed(score):
        key = (score, asked, beside["ranking"])
        if key not in rows_of:
            rows = ranked(scores[score], outcomes, stays, asked, beside["ranking"], landmark)
            rows_of[key] = {(row.patient, row.at if beside["ranking"] == "each value" else None): row for row in rows}
        return rows_of[key]

    one, other = keyed(name), keyed(beside["score"])
    both = [key for key in one if key in other and one[key].came == other[key].came]
    label = f"{name} beside {beside['score']}, {beside['ranking']}"
    check.same(f"{label}: rows", len(both), beside["rows"])
    if not both:
        return
    for place, figure in enumerate(("auroc", "auprc")):
        pair = [areas([of[key] for key in both])[place] for of in (one, other)]
        if None in pair:
            check.same(f"{label}: {figure}", None, beside[figure])
            continue
        for expected, got in zip(pair, beside[figure]):
            check.same(f"{label}: {figure}", expected, got)
        check.same(f"{label}: {figure} difference", pair[0] - pair[1], value(beside[f"{figure}_difference"]))


def check_alarms(check, report, alerts, outcomes, stays, predicts):
    """Alerts per bed-day, precision, sensitivity and lead time from the alert log."""
    days = sum(end - begin for begin, end in stays.values()) / (24 * HOUR)
    check.same("bed-days", days, report["bed_days"])
    begun = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(alerts, encoding="utf-8") as file:
        for line in file:
            alert = json.loads(line)
            if alert["phase"] == "start":
                begun[alert["alarm"]][alert["patient_id"]].append(micros(alert["stages"]["due_at"]))
    for found in report["alarms"]:
        name, of_alarm = found["alarm"], begun[found["alarm"]]
        check.same(f"{name}: alerts", sum(map(len, of_alarm.values())), found["alerts"])
        check.same(f"{name}: a bed-day", sum(map(len, of_alarm.values())) / days, found["per_bed_day"])
        asked = predicts.get(name)
        if asked is None:
            check.same(f"{name}: precision", None, found["precision"])
            check.same(f"{name}: sensitivity", None, found["sensitivity"])
            continue
        judged = right = reached = alerted = untimed = 0
        leads = []
        for patient, (begin, end) in stays.items():
            outcome = outcomes.get(patient, {}).get(asked.outcome)
            if outcome is None:
                continue
            told = sorted(of_alarm.get(patient, []))
            untimed += outcome.came and not outcome.times
            answers = [answered for at in told if (answered := answer(outcome, at, asked)) is not None]
            judged, right = judged + len(answers), right + sum(answers)
            horizon = float("inf") if asked.horizon is None else asked.horizon
            for time in times_of(outcome, asked):
                if begin < time and time - end <= horizon:
                    reached += 1
                    within = [at for at in told if at < time <= at + horizon]
                    if within:
                        alerted += 1
                        leads.append((time - within[0]) / HOUR)
        if untimed and not reached:
            judged = 0
        check.same(f"{name}: judged", judged, found["judged"])
        check.same(f"{name}: outcomes", reached, found["outcomes"])
        check.same(f"{name}: precision", right / judged if judged else None, value(found["precision"]))
        check.same(f"{name}: sensitivity", alerted / reached if reached else None, value(found["sensitivity"]))
        quarters = np.quantile(leads, [0.25, 0.5, 0.75]) if leads else [None] * 3
        for expected, got in zip(quarters, found["lead_hours"] or [None] * 3):
            check.same(f"{name}: lead", expected, got)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pipeline", "observations", "outcomes", "scores", "replayed", "alerts", "report"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--landmark", type=float, default=24, help="hours, as `backtest --landmark`")
    args = parser.parse_args()
    report = json.loads(args.report.read_text())
    of_scores, of_alarms = predictions(yaml.safe_load(args.pipeline.read_text()))
    outcomes, groups = read_outcomes(args.outcomes)
    kinds = {kind for of_patient in outcomes.values() for kind in of_patient}
    known = lambda said: {name: asked for name, asked in said.items() if asked and asked.outcome in kinds}
    stays = spans(args.observations)
    check = Check()
    judged = dict(report, scores=[score for score in report["scores"] if score["predicts"]])
    check.same("judged scores", sorted(known(of_scores)) == sorted({s["score"].removesuffix("_lowest") for s in judged["scores"]}), True)
    check_alarms(check, report, args.alerts, outcomes, stays, known(of_alarms))
    scores = read_scores(args.scores)
    check_replay(check, scores, read_replayed(args.replayed))
    check_scores(check, judged, scores, outcomes, groups, stays, known(of_scores), int(args.landmark * HOUR))
    print(f"{check.count:,} figures compared, largest difference {check.worst:.1e}, {len(check.wrong)} beyond {TOLERANCE:.0e}")
    for wrong in check.wrong[:50]:
        print(f"  {wrong}")
    sys.exit(bool(check.wrong))


if __name__ == "__main__":
    main()
