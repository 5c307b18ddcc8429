//! Tables that people open in a spreadsheet (RFC 4180), which must not take a text for a formula (F-CSV-1).

/// Characters with which a spreadsheet's formula begins.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One row. A text that would be a formula has an apostrophe before it.
pub(crate) fn row(cells: &[&str]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let harmless = cells.iter().map(|cell| {
        let is_formula = cell.trim_start().starts_with(FORMULA) || cell.starts_with(FORMULA);
        if is_formula { format!("'{cell}") } else { (*cell).to_owned() }
    });
    let written = writer.write_record(harmless).and_then(|()| writer.flush().map_err(csv::Error::from));
    let bytes = writer.into_inner().unwrap_or_default();
    // Memory takes everything, and cells are UTF-8.
    written.ok().and_then(|()| String::from_utf8(bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_what_parts_cells_is_quoted() {
        let cells = ["=1+1", "+49", "-2", "@SUM(A1)", "\t=1", "  =1", "a,b", "say \"hi\"", "plain"];
        let expected = "'=1+1,'+49,'-2,'@SUM(A1),'\t=1,'  =1,\"a,b\",\"say \"\"hi\"\"\",plain\r\n";
        assert_eq!(row(&cells), expected);
    }
}
