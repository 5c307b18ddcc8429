//! Tables that people open in a spreadsheet (RFC 4180), which must not take a text for a formula (F-CSV-1).

/// Characters with which a spreadsheet's formula begins, in each width they have.
const FORMULA: [char; 13] = [
    '=', '+', '-', '@', '\u{2212}', '\u{fe62}', '\u{fe63}', '\u{fe66}', '\u{fe6b}', '\u{ff0b}', '\u{ff0d}',
    '\u{ff1d}', '\u{ff20}',
];

/// What parts cells where a comma does not, and lines.
const PARTS: [char; 4] = [';', '\t', '\r', '\n'];

/// One row. A text that would be a formula has an apostrophe before it, and so has what would be one where another sign than a
/// comma parts cells.
pub(crate) fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(&harmless(cell))).collect();
    cells.join(",") + "\r\n"
}

fn harmless(cell: &str) -> String {
    let mut harmless = String::with_capacity(cell.len() + 2);
    // Some spreadsheets pass over what would part cells.
    if cell.starts_with(['\t', '\r']) {
        harmless.push('\'');
    }
    for piece in cell.split_inclusive(PARTS) {
        if is_formula(piece) {
            harmless.push('\'');
        }
        harmless.push_str(piece);
    }
    harmless
}

/// Whether a formula begins it, behind what nobody sees.
fn is_formula(text: &str) -> bool {
    let is_seen = |c: &char| FORMULA.contains(c) || c.is_alphanumeric() || c.is_ascii_graphic();
    text.chars().find(is_seen).is_some_and(|first| FORMULA.contains(&first))
}

fn quoted(cell: &str) -> String {
    if cell.contains(PARTS) || cell.contains([',', '"']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_what_parts_cells_is_quoted() {
        let cells = ["=1+1", "+49", "-2", "@SUM(A1)", "\t=1", "  =1", "a,b", "say \"hi\"", "plain"];
        let expected = "'=1+1,'+49,'-2,'@SUM(A1),\"'\t'=1\",'  =1,\"a,b\",\"say \"\"hi\"\"\",plain\r\n";
        assert_eq!(row(&cells), expected);
    }

    #[test]
    fn a_formula_is_none_in_another_width_behind_what_nobody_sees_or_where_another_sign_parts_cells() {
        for (cell, harmless) in [
            ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("\u{feff}\u{2060} @x", "'\u{feff}\u{2060} @x"),
            (";=1+1", "\";'=1+1\""),
            ("a;\u{200b}-1\t+2", "\"a;'\u{200b}-1\t'+2\""),
            ("a\n=1", "\"a\n'=1\""),
            ("x=1; y-z", "\"x=1; y-z\""),
            ("", ""),
        ] {
            assert_eq!(row(&[cell]), format!("{harmless}\r\n"), "{cell:?}");
        }
    }
}
