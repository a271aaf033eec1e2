//! What is printed.

use serde::Serialize;

/// One line of the table. What does not apply is absent.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// Requests, or generations, a second.
    pub(crate) rps: Option<f64>,
    /// Half of them took less.
    pub(crate) p50_ms: Option<f64>,
    /// 99 of 100 took less.
    pub(crate) p99_ms: Option<f64>,
    /// CPU of the process with the ledger in it, a request.
    pub(crate) gateway_cpu_ms: Option<f64>,
    /// CPU of all of PostgreSQL's processes, a request.
    pub(crate) database_cpu_ms: Option<f64>,
    /// CPU of the upstream, a request. Not in the JSON.
    #[serde(skip)]
    pub(crate) upstream_cpu_ms: Option<f64>,
    /// CPU of the load generator, a request. Not in the JSON.
    #[serde(skip)]
    pub(crate) load_cpu_ms: Option<f64>,
    /// The most memory that the process with the ledger in it had resident.
    pub(crate) peak_mib: Option<f64>,
    /// Requests that did not come out as they should have.
    pub(crate) errors: u64,
}

/// All rows, and what is to be known about them.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

const HEADS: [&str; 9] = [
    "a second",
    "p50 ms",
    "p99 ms",
    "gateway ms",
    "database ms",
    "upstream ms",
    "load ms",
    "peak MiB",
    "errors",
];

impl Row {
    /// With as many digits as mean something.
    pub(crate) fn rounded(mut self) -> Self {
        let milli = |value: f64| (value * 1_000.0).round() / 1_000.0;
        for value in [
            &mut self.rps,
            &mut self.p50_ms,
            &mut self.p99_ms,
            &mut self.gateway_cpu_ms,
            &mut self.database_cpu_ms,
            &mut self.upstream_cpu_ms,
            &mut self.load_cpu_ms,
            &mut self.peak_mib,
        ] {
            *value = value.map(milli);
        }
        self
    }

    fn cells(&self) -> [String; 9] {
        let cell = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        [
            cell(self.rps, 0),
            cell(self.p50_ms, 2),
            cell(self.p99_ms, 2),
            cell(self.gateway_cpu_ms, 3),
            cell(self.database_cpu_ms, 3),
            cell(self.upstream_cpu_ms, 3),
            cell(self.load_cpu_ms, 3),
            cell(self.peak_mib, 0),
            self.errors.to_string(),
        ]
    }
}

impl Report {
    /// An array, one line a row.
    pub(crate) fn to_json(&self) -> String {
        let rows = self.rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default());
        format!("[{}]", rows.collect::<Vec<_>>().join(",\n"))
    }

    /// For people. CPU is a request's.
    pub(crate) fn to_table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let line = |name: &str, cells: [String; 9]| {
            let cells = cells.iter().map(|cell| format!("{cell:>13}"));
            format!("{name:<width$}{}", cells.collect::<String>())
        };
        let mut lines = vec![line("", HEADS.map(str::to_owned))];
        lines.extend(self.rows.iter().map(|row| line(&row.name, row.cells())));
        lines.push(String::new());
        lines.extend(self.notes.iter().cloned());
        lines.join("\n")
    }
}
