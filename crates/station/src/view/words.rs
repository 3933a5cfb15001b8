//! Names, numbers and units as a nurse reads them.

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;

/// Stands where there is no value.
pub(super) const NOTHING: &str = "–";

/// The name of a score, a parameter or an alarm for a screen: `NEWS2`, `RR`, `On oxygen`.
pub(super) fn label(name: &str) -> String {
    let known = match name {
        "news2" => "NEWS2",
        "mews" => "MEWS",
        "qsofa" => "qSOFA",
        "sirs" => "SIRS",
        "on_oxygen" | "oxygen" => "O2",
        "wbc" => "WBC",
        _ => {
            return VitalSign::from_name(name)
                .map_or_else(|| sentence(name), |vital| vital.label().to_owned());
        }
    };
    known.to_owned()
}

/// `short_term_risk` as `Short term risk`.
fn sentence(name: &str) -> String {
    let mut text = name.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A unit as it is written at a bedside. UCUM's braces are annotations, not units.
pub(super) fn unit(ucum: &str) -> &str {
    match ucum {
        "mm[Hg]" => "mmHg",
        "Cel" => "°C",
        "{steps}/min" => "/min",
        "1" => "",
        annotation if annotation.starts_with('{') => "",
        other => other,
    }
}

/// A value at the precision of the chart; for what is no vital sign, at about three digits.
pub(super) fn number(name: &str, value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let vital = VitalSign::from_name(name).map(|vital| usize::from(vital.info().decimals));
    let text = match vital {
        Some(decimals) => format!("{value:.decimals$}"),
        None if value.abs() >= 100.0 => format!("{value:.0}"),
        None if value.abs() >= 10.0 => trimmed(format!("{value:.1}")),
        None => trimmed(format!("{value:.2}")),
    };
    // A small negative value must not read as minus nothing.
    if text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.')) {
        text.replace('-', "")
    } else {
        text
    }
}

fn trimmed(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A probability as a percentage. Never 0 % or 100 %: a model knows neither.
pub(super) fn probability(value: f64) -> String {
    match value * 100.0 {
        percent if percent.is_nan() => NOTHING.to_owned(),
        percent if percent < 1.0 => "<1 %".to_owned(),
        percent if percent > 99.0 => ">99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// An age, rounded down: `4 s`, `12 min`, `1.4 h`, `12 h`, `2 d`. The page's `clock.js` writes ages alike.
pub(super) fn age(age: Span) -> String {
    let seconds = age.micros().max(0) / 1_000_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..36_000 => format!("{}.{} h", seconds / 3_600, seconds % 3_600 / 360),
        36_000..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_on_a_chart() {
        let cases = [
            ("news2", "NEWS2"),
            ("resp_rate", "RR"),
            ("on_oxygen", "O2"),
            ("shock_index", "Shock index"),
            ("", ""),
            ("é", "é"),
        ];
        for (name, expected) in cases {
            assert_eq!(label(name), expected, "{name}");
        }
    }

    #[test]
    fn numbers_have_the_precision_of_the_chart() {
        let cases = [
            ("temperature", 38.04, "38.0"),
            ("spo2", 96.6, "97"),
            ("heart_rate_mean", 101.4, "101"),
            ("heart_rate_slope", -0.001, "0"),
            ("heart_rate_slope", -0.5, "-0.5"),
            ("spo2_min", 88.0, "88"),
            ("spo2", f64::NAN, NOTHING),
        ];
        for (name, value, expected) in cases {
            assert_eq!(number(name, value), expected, "{name} {value}");
        }
        assert_eq!(
            [0.0, 0.126, 0.999, f64::NAN].map(probability),
            ["<1 %", "13 %", ">99 %", NOTHING]
        );
    }

    #[test]
    fn ages_round_down() {
        let cases = [
            (-3, "0 s"),
            (59, "59 s"),
            (119, "1 min"),
            (3_599, "59 min"),
            (7_199, "1.9 h"),
            (36_000, "10 h"),
            (200_000, "2 d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(age(Span::from_secs(seconds)), expected);
        }
    }
}
