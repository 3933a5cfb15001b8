//! What a file is that is meant as text, and what its header shows where columns are missing.

use std::path::Path;

use crate::ReplayError;

/// What some editors put before the first line.
pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Lets a file pass that begins as UTF-8 text.
///
/// # Errors
/// [`ReplayError::NotText`], with what it is instead.
pub(super) fn check_text(path: &Path, head: &[u8]) -> Result<(), ReplayError> {
    let found = match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..] => "UTF-16 text",
        [0x1f, 0x8b, ..] => "compressed by gzip",
        [b'P', b'K', 3, 4, ..] => "an Excel workbook or another ZIP file",
        [b'P', b'A', b'R', b'1', ..] => "Parquet",
        _ => return Ok(()),
    };
    Err(ReplayError::NotText {
        path: path.into(),
        found,
    })
}

/// What a line of CSV shows that has too few of the columns: half a sentence for an error. It quotes nothing of the line,
/// which may be a patient's.
pub(super) fn in_header(header: &str, next: &str, names: &[&str]) -> String {
    let is_hint = is_hint(header);
    let columns = if is_hint { next } else { header };
    let mut found = Vec::new();
    if is_hint {
        found.push("the first line is a `sep=` for Excel: take it out".to_owned());
    }
    let is_name = |cell: &str| names.iter().any(|name| is_same(cell.trim_matches('"'), name));
    let separators = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
    let separator = separators
        .iter()
        .find(|(separator, _)| columns.split(*separator).filter(|cell| is_name(cell)).count() > 1);
    if let Some((separator, name)) = separator {
        found.push(format!(
            "its cells are separated by {name}: separate them by commas"
        ));
        let has_comma = next.split(*separator).any(is_with_decimal_comma);
        if has_comma || is_hint {
            found.push("and write decimal points, not decimal commas".to_owned());
        }
    } else if !columns.split(',').any(is_name) {
        found.push("the first line names no column that is known: begin with a header".to_owned());
    }
    found.iter().map(|found| format!("; {found}")).collect()
}

/// Whether a line tells Excel how cells are separated.
pub(super) fn is_hint(line: &str) -> bool {
    line.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("sep="))
}

fn is_with_decimal_comma(cell: &str) -> bool {
    let cell = cell.trim().trim_matches('"');
    cell.contains(',') && cell.replacen(',', ".", 1).parse::<f64>().is_ok()
}

/// Whether a column's name is meant, written in another case or with other marks between its words.
pub(super) fn is_same(column: &str, name: &str) -> bool {
    let letters = |text: &str| {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect::<String>()
    };
    letters(column) == letters(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["patient_id", "ts", "code", "value", "unit"];

    #[test]
    fn what_is_no_text_is_named() {
        let found = |head: &[u8]| match check_text(Path::new("w.csv"), head) {
            Err(ReplayError::NotText { found, .. }) => Some(found),
            _ => None,
        };
        let utf_16: Vec<u8> = "patient".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let swapped: Vec<u8> = "patient".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for head in [&utf_16, &swapped, &[&[0xff, 0xfe][..], &utf_16].concat()] {
            assert_eq!(found(head), Some("UTF-16 text"));
        }
        assert_eq!(found(b"\x1f\x8b\x08\0"), Some("compressed by gzip"));
        assert_eq!(found(b"PAR1...."), Some("Parquet"));
        assert_eq!(
            found(b"PK\x03\x04..."),
            Some("an Excel workbook or another ZIP file")
        );
        for text in ["", "p", "patient_id,ts", "\u{feff}patient_id", "größe"] {
            assert_eq!(found(text.as_bytes()), None);
        }
    }

    #[test]
    fn a_header_says_how_it_is_written() {
        let header = NAMES.join(";");
        let found = |header: &str, next| in_header(header, next, &NAMES);
        let semicolons = found(&header, "p-1;2026-01-31T09:00:00Z;temperature;38,3;Cel");
        assert!(
            semicolons.contains("semicolons") && semicolons.contains("decimal points"),
            "{semicolons}"
        );
        assert!(!found(&header, "p-1;2026-01-31T09:00:00Z;spo2;88;%").contains("decimal"));
        assert!(found(&NAMES.join("\t"), "").contains("tabs"));
        assert!(found("\"Patient ID\"|\"TS\"|\"Code\"", "").contains("bars"));
        let hint = found("sep=;", &header);
        assert!(hint.contains("`sep=`") && hint.contains("semicolons"), "{hint}");
        let headless = found("mary,2026-01-31T09:00:00Z,spo2,88,%", "");
        assert!(
            headless.contains("begin with a header") && !headless.contains("mary"),
            "{headless}"
        );
        assert_eq!(found("patient_id,ts,code", ""), "");
    }

    #[test]
    fn a_name_is_known_in_another_spelling() {
        for (column, name) in [
            ("Patient ID", "patient_id"),
            ("PATIENT_ID", "patient_id"),
            ("arrivedAt", "arrived_at"),
        ] {
            assert!(is_same(column, name), "{column}");
        }
        assert!(!is_same("value2", "value") && !is_same("", "ts"));
    }
}
