//! A back-test's figures for people.

use wardwatch_workbench::backtest::{
    AlarmFigures, Calibration, Comparison, Denominator, Difference, Interval, RankingFigures, Report,
    ScoreFigures,
};

use super::super::output::grouped;

/// The figures of one pipeline.
pub(super) fn of_one(report: &Report) -> String {
    let mut text = format!(
        "{} version {}: {} patients, {:.1} days, {} readings\n",
        report.pipeline,
        report.version,
        grouped(report.patients as u64),
        report.bed_days,
        grouped(report.data.readings)
    );
    let put_aside: Vec<String> = report
        .data
        .quarantined
        .iter()
        .map(|(reason, count)| format!("{reason} {}", grouped(*count)))
        .collect();
    if !put_aside.is_empty() {
        text.push_str(&format!("put aside: {}\n", put_aside.join(", ")));
    }
    for kind in report.outcomes.iter().flatten() {
        let absent = match kind.not_in_data {
            0 => String::new(),
            absent => format!("; of {} more there are no data", grouped(absent as u64)),
        };
        text.push_str(&format!(
            "outcome {}: known of {} patients, came to {}{absent}\n",
            kind.outcome,
            grouped(kind.patients as u64),
            grouped(kind.came as u64)
        ));
    }
    for note in &report.notes {
        text.push_str(&format!("Note: {note}\n"));
    }
    of_alarms(report, &mut text);
    report.scores.iter().for_each(|score| of_score(score, &mut text));
    of_denominators(&report.denominators, &mut text);
    text
}

fn of_alarms(report: &Report, text: &mut String) {
    let priorities = report.alerts_per_bed_day_by_priority.iter();
    let priorities: Vec<String> = priorities
        .map(|(priority, rate)| format!("{priority} {rate:.2}"))
        .collect();
    text.push_str(&format!(
        "\nAlerts a bed and day: {:.2} ({})\n",
        report.alerts_per_bed_day,
        priorities.join(", ")
    ));
    text.push_str(
        "  alarm                        priority   alerts  a bed-day  precision  sensitivity  lead (h)            predicts\n",
    );
    let percent = |share: Option<Interval>| {
        share.map_or("-".to_owned(), |share| format!("{:.1} %", share.value * 100.0))
    };
    let row = |alarm: &AlarmFigures| {
        let lead = alarm.lead_hours.map_or("-".to_owned(), |[low, median, high]| {
            format!("{median:.1} ({low:.1} to {high:.1})")
        });
        format!(
            "  {:<28} {:<8} {:>8}  {:>9.2}  {:>9}  {:>11}  {lead:<18}  {}\n",
            alarm.alarm,
            alarm.priority,
            grouped(alarm.alerts),
            alarm.per_bed_day,
            percent(alarm.precision),
            percent(alarm.sensitivity),
            alarm.predicts.as_deref().unwrap_or("-"),
        )
    };
    report.alarms.iter().for_each(|alarm| text.push_str(&row(alarm)));
    if report.outcomes.is_none() {
        return;
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for alarm in &report.alarms {
        let Some(reason) = alarm.not_judged else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, alarms)) => alarms.push(&alarm.alarm),
            None => reasons.push((reason, vec![&alarm.alarm])),
        }
    }
    for (reason, alarms) in reasons {
        text.push_str(&format!("  not judged: {}: {reason}\n", alarms.join(", ")));
    }
}

fn of_score(score: &ScoreFigures, text: &mut String) {
    let share = score.unavailable as f64 / (score.evaluated + score.unavailable).max(1) as f64;
    let judged = match (&score.predicts, score.not_judged) {
        (Some(predicts), _) => format!(", judged by {predicts}"),
        (None, Some(reason)) => format!("; not judged: {reason}"),
        (None, None) => String::new(),
    };
    text.push_str(&format!(
        "\n{}: {} values, {:.1} % of evaluations without one{judged}\n",
        score.score,
        grouped(score.evaluated),
        share * 100.0
    ));
    score
        .rankings
        .iter()
        .for_each(|ranking| of_ranking(ranking, text));
    for beside in &score.beside {
        let Some((auroc, difference)) = beside.auroc.zip(beside.auroc_difference) else {
            continue;
        };
        text.push_str(&format!(
            "  beside {:<16} {:<11} {} rows: AUROC {:.3} and {:.3}, difference {}\n",
            beside.score,
            beside.ranking,
            grouped(beside.rows as u64),
            auroc[0],
            auroc[1],
            with_sign(difference),
        ));
    }
    let percent =
        |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0));
    for rate in &score.at_rates {
        text.push_str(&format!(
            "  at {} alerts for 100 patients and days: {:.3} or more, sensitivity {}, precision {}; reached by {} of the patients \
             with the outcome, by {} of the others\n",
            rate.alerts_per_100_patient_days,
            rate.threshold,
            percent(rate.sensitivity),
            percent(rate.precision),
            percent(rate.reached_with_outcome),
            percent(rate.reached_without)
        ));
    }
    for flagged in &score.flagged {
        text.push_str(&format!(
            "  flagging {:.1} % of all values: {:.4} or more, sensitivity {}, precision {}\n",
            flagged.share * 100.0,
            flagged.threshold,
            percent(flagged.sensitivity),
            percent(flagged.precision)
        ));
    }
}

fn of_ranking(ranking: &RankingFigures, text: &mut String) {
    if ranking.rows == 0 {
        return;
    }
    let area = |figure: Option<Interval>| figure.map_or("-".to_owned(), plain);
    text.push_str(&format!(
        "  {:<11} {} rows of {} patients, {} with the outcome: AUROC {}, AUPRC {}\n",
        ranking.ranking,
        grouped(ranking.rows as u64),
        grouped(ranking.patients as u64),
        grouped(ranking.outcomes as u64),
        area(ranking.auroc),
        area(ranking.auprc)
    ));
    if let Some(Calibration {
        slope,
        intercept,
        observed_over_expected,
        brier,
        ..
    }) = &ranking.calibration
    {
        text.push_str(&format!(
            "              calibration slope {}, intercept {}, observed/expected {}, Brier {}\n",
            area(*slope),
            area(*intercept),
            area(*observed_over_expected),
            area(*brier)
        ));
    }
}

fn plain(Interval { value, low, high }: Interval) -> String {
    format!("{value:.3} ({low:.3} to {high:.3})")
}

fn with_sign(Interval { value, low, high }: Interval) -> String {
    format!("{value:+.3} ({low:+.3} to {high:+.3})")
}

/// Who fell out of which figure, where somebody did.
fn of_denominators(denominators: &[Denominator], text: &mut String) {
    let mut head = Some("\nWho and what does not count, and why:\n");
    for denominator in denominators.iter().filter(|of| !of.fell_out.is_empty()) {
        text.push_str(head.take().unwrap_or_default());
        let fell_out = denominator.fell_out.iter();
        let fell_out: Vec<String> = fell_out
            .map(|(reason, count)| format!("{} {reason}", grouped(*count)))
            .collect();
        text.push_str(&format!(
            "  {:<24} {:<11} {} of {} {}: {}\n",
            denominator.of,
            denominator.ranking,
            grouped(denominator.counted),
            grouped(denominator.all),
            denominator.unit,
            fell_out.join("; ")
        ));
    }
}

/// Figures that differ, side by side.
pub(super) fn of_both(comparison: &Comparison) -> String {
    let (old, new) = (&comparison.old, &comparison.new);
    let mut text = format!(
        "old: {} version {}\nnew: {} version {}\n{} patients, {:.1} days, {} readings\n\n\
         New less old; in brackets where it lies in 95 of 100 resamples of the patients.\n  \
         {:<28} {:<20} {:>8} {:>8}  difference\n",
        old.pipeline,
        old.version,
        new.pipeline,
        new.version,
        grouped(new.patients as u64),
        new.bed_days,
        grouped(new.data.readings),
        "of",
        "figure",
        "old",
        "new"
    );
    let is_same = |row: &Difference| {
        let same = |at: Interval| [at.value, at.low, at.high] == [0.0; 3];
        row.difference.is_some_and(same)
    };
    let differs = |of: &str| {
        comparison
            .differences
            .iter()
            .any(|row| row.of == of && !is_same(row))
    };
    let mut same: Vec<&str> = Vec::new();
    for row in &comparison.differences {
        if !differs(&row.of) {
            if !same.contains(&row.of.as_str()) {
                same.push(&row.of);
            }
            continue;
        }
        let (scale, decimals) = match row.figure.as_str() {
            "precision" | "sensitivity" => (100.0, 1),
            figure if figure.starts_with("AU") => (1.0, 3),
            _ => (1.0, 2),
        };
        let unit = if scale > 1.0 { " %" } else { "" };
        let shown = |value: Option<f64>| {
            value.map_or("-".to_owned(), |value| {
                format!("{:.decimals$}{unit}", value * scale)
            })
        };
        let difference = row
            .difference
            .map_or(String::new(), |Interval { value, low, high }| {
                let [value, low, high] =
                    [value, low, high].map(|value| format!("{:+.decimals$}", value * scale));
                format!("{value}{unit} ({low} to {high})")
            });
        text.push_str(&format!(
            "  {:<28} {:<20} {:>8} {:>8}  {difference}\n",
            row.of,
            row.figure,
            shown(row.old),
            shown(row.new)
        ));
    }
    if !same.is_empty() {
        text.push_str(&format!("The same in both: {}\n", same.join(", ")));
    }
    text
}
