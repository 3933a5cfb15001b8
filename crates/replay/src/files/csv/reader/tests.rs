use std::fs;

use super::*;

const COLUMNS: TableColumns = TableColumns {
    rows: "things",
    needed: &["a", "b"],
    optional: &["c"],
};

/// (line, cells of a and b) of a row, or (line, why not, where a quotation mark opens).
type Read = Result<(u64, [String; 2]), (u64, &'static str, Option<u64>)>;

fn read(bytes: &[u8], multiline: bool) -> Result<Vec<Read>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, bytes).unwrap();
    let told = |error: ReplayError| error.to_string().replace(&path.display().to_string(), "t.csv");
    let mut reader = CsvReader::open(&path, &COLUMNS, multiline).map_err(told)?;
    let columns = ["a", "b"].map(|name| reader.column(name).unwrap());
    let mut row = CsvRow::default();
    let mut rows = Vec::new();
    while reader.next(&mut row).unwrap() {
        rows.push(match row.flaw() {
            Some(flaw) => Err((row.line(), flaw.detail, row.open_quote())),
            None => Ok((row.line(), columns.map(|column| row.cell(column).to_owned()))),
        });
    }
    assert_eq!(reader.fraction(), 1.0);
    Ok(rows)
}

fn good(line: u64, a: &str, b: &str) -> Read {
    Ok((line, [a, b].map(str::to_owned)))
}

const OPEN: &str = "a quotation mark is not closed";

#[test]
fn rows_follow_a_header() {
    for text in [
        "a,b\n1,2\n\n3,4\n",
        "\u{feff}a,b\r\n1,2\r\n\r\n3,4",
        "a,b\r1,2\r\r3,4\r",
        "Sep=,\na, b \n1,2\n3,4\n",
    ] {
        let rows = read(text.as_bytes(), false).unwrap();
        let cells: Vec<_> = rows.into_iter().map(|row| row.unwrap().1).collect();
        assert_eq!(cells, [["1", "2"], ["3", "4"]], "{text:?}");
    }
    assert_eq!(read(b"a,b\n", false).unwrap(), []);
    assert_eq!(read(b"c,b,a\n1,2,3\n", false).unwrap(), [good(2, "3", "2")]);
}

#[test]
fn an_open_mark_takes_one_row_and_no_other() {
    let text = b"a,b\n1,2\n3,\"4\n5,6\n\"7,8\n9,\"ok\"\n";
    let expected = [
        good(2, "1", "2"),
        Err((3, OPEN, Some(3))),
        good(4, "5", "6"),
        Err((5, OPEN, Some(5))),
        good(6, "9", "ok"),
    ];
    assert_eq!(read(text, false).unwrap(), expected);
    // With line breaks allowed the mark of line 3 would close on line 5, and something stands behind it.
    assert_eq!(read(text, true).unwrap(), expected);
}

#[test]
fn a_quoted_line_break_needs_to_be_asked_for() {
    let text = b"a,b\n1,\"two\nlines\"\n3,\"\r\n\"\n\"5\n\n6\",7";
    assert_eq!(
        read(text, true).unwrap(),
        [
            good(2, "1", "two\nlines"),
            good(4, "3", ""),
            good(6, "5\n\n6", "7")
        ]
    );
    let rows = read(text, false).unwrap();
    assert_eq!(rows[0], Err((2, OPEN, Some(2))));
}

#[test]
fn with_line_breaks_an_open_mark_is_told_where_it_opens() {
    // The first cell closes on line 3; the second, which opens there, never does.
    let rows = read(b"a,b\n\"1\n2\",\"3\n4,5\n6,7\n", true).unwrap();
    assert_eq!(rows[0], Err((2, OPEN, Some(3))));
    assert_eq!(rows[2..], [good(4, "4", "5"), good(5, "6", "7")]);
}

#[test]
fn a_row_of_many_lines_is_bounded() {
    let rows: String = (0..20_000).map(|row| format!("{row},{row}\n")).collect();
    let read = read(format!("a,b\n1,\"2\n{rows}").as_bytes(), true).unwrap();
    assert_eq!((read.len(), &read[0]), (20_001, &Err((2, OPEN, Some(2)))));
    assert!(read[1..].iter().all(Result::is_ok));
}

#[test]
fn what_moves_cells_or_cuts_them_is_a_flaw() {
    let more = "more cells than the header names";
    for (rows, expected) in [
        ("38,3,Cel\n", Err((2, more, None))),
        ("1,2,,\n", good(2, "1", "2")),
        ("1,2, , \n", good(2, "1", "2")),
        ("1\n", good(2, "1", "")),
        ("1", Err((2, "the file ends within the row", None))),
        ("1,2", good(2, "1", "2")),
        ("1,\0\n", Err((2, "a NUL byte", None))),
    ] {
        assert_eq!(
            read(format!("a,b\n{rows}").as_bytes(), false).unwrap(),
            [expected],
            "{rows:?}"
        );
    }
    assert_eq!(read(b"a,b\n1,\xe9\n", false).unwrap(), [Err((2, "", None))]);
    let long = [b"a,b\n1,", &vec![b'x'; LONGEST][..], b"\n1,2\n"].concat();
    assert_eq!(
        read(&long, false).unwrap(),
        [Err((2, "longer than a row can be", None)), good(3, "1", "2")]
    );
}

#[test]
fn a_header_that_does_not_serve_says_why() {
    for (text, expected) in [
        ("", "t.csv: no column `a`; things need a, b; the file is empty"),
        (
            "\n\n",
            "t.csv: no column `a`; things need a, b; the file is empty",
        ),
        (
            "A,b\n",
            "t.csv: no column `a`; things need a, b; rename its column `A`",
        ),
        (
            "a;b\n1;2,5\n",
            "t.csv: no column `a`; things need a, b; its cells are separated by semicolons: separate them by commas; and write decimal points, not decimal commas",
        ),
        (
            "a\tb\n",
            "t.csv: no column `a`; things need a, b; its cells are separated by tabs: separate them by commas",
        ),
        (
            "sep=;\na;b\n",
            "t.csv: no column `a`; things need a, b; the first line is a `sep=` for Excel: take it out; its cells are separated by semicolons: separate them by commas; and write decimal points, not decimal commas",
        ),
        (
            "1,2\n3,4\n",
            "t.csv: no column `a`; things need a, b; the first line names no column that is known: begin with a header",
        ),
        (
            "a,b,a\n",
            "t.csv: the column `a` stands there twice; keep one of them",
        ),
        (
            "a,\"b\n1,2\n",
            "t.csv:1: the header cannot be read (bad_row: a quotation mark is not closed); write one line of names, in UTF-8",
        ),
    ] {
        assert_eq!(read(text.as_bytes(), false), Err(expected.to_owned()), "{text:?}");
    }
    let utf_16: Vec<u8> = "\u{feff}a,b\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        read(&utf_16, false).unwrap_err(),
        "t.csv: this is UTF-16 text; save it as UTF-8 text, or give it its format's ending"
    );
    assert!(
        read(b"a,b,gr\xf6\xdfe\n", false)
            .unwrap_err()
            .contains("bad_utf8")
    );
}
