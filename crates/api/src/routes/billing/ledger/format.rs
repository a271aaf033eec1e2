//! How a ledger is written.

use super::EntryBody;
use app::EntryRecord;
use axum::http::{HeaderMap, HeaderValue, header};
use std::fmt::Write;

/// A way to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As every list, with how many it were at the end: they have been counted by then.
    Json,
    /// For spreadsheets.
    Csv,
}

impl Format {
    pub(super) const ALL: [Self; 2] = [Self::Json, Self::Csv];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    pub(super) fn describe(self, headers: &mut HeaderMap) {
        let content_type = match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self == Self::Csv {
            let attachment = HeaderValue::from_static("attachment; filename=\"ledger.csv\"");
            headers.insert(header::CONTENT_DISPOSITION, attachment);
        }
    }

    /// What comes before the first entry.
    pub(super) const fn head(self) -> &'static str {
        match self {
            Self::Json => "{\"items\":[",
            Self::Csv => "created_at,reason,source_id,debit,credit,amount_tokens\r\n",
        }
    }

    /// Writes an entry.
    pub(super) fn write(self, text: &mut String, entry: &EntryRecord, is_first: bool) {
        let entry = EntryBody::from(entry);
        match self {
            Self::Json => {
                if !is_first {
                    text.push(',');
                }
                // A struct of ours always becomes JSON.
                text.push_str(&serde_json::to_string(&entry).unwrap_or_default());
            }
            Self::Csv => {
                let EntryBody { created_at, reason, source_id, debit, credit, amount_tokens } = entry;
                let [reason, debit, credit] = [reason, debit, credit].map(cell);
                // Writing to a string cannot fail.
                let _ =
                    write!(text, "{created_at},{reason},{source_id},{debit},{credit},{amount_tokens}\r\n");
            }
        }
    }

    /// What comes after the last of so many entries.
    pub(super) fn tail(self, entries: u64) -> String {
        match self {
            Self::Json => format!("],\"total\":{entries}}}"),
            Self::Csv => String::new(),
        }
    }
}

/// A name, as a cell. Names are ours and plain words, but nobody should have to know that who opens the file: what could end
/// a cell is quoted, and what a spreadsheet would take for a formula is marked as text.
fn cell(name: &str) -> String {
    let is_formula = name.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let marked = if is_formula { format!("'{name}") } else { name.to_owned() };
    if marked.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", marked.replace('"', "\"\""))
    } else {
        marked
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        for (name, expected) in [
            ("charge", "charge"),
            ("late_release", "late_release"),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1", "'-1"),
            ("\t=1", "'\t=1"),
            ("a,b", "\"a,b\""),
            ("=\"x\",y", "\"'=\"\"x\"\",y\""),
        ] {
            assert_eq!(cell(name), expected);
        }
    }
}
