//! A report as tables, and the three ways to print them.

use domain::billing::report::{Flow, Report};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Rows of text and whole numbers under names: a number's name ends in its unit.
pub(super) struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

pub(super) fn tables(report: &Report) -> Vec<Table> {
    vec![
        sold(report),
        refunded(report),
        granted(report),
        tokens(report),
        debts(report),
        models(report),
        total(report),
        liability(report),
        problems(report),
    ]
}

fn sold(report: &Report) -> Table {
    let row = |(item, sold): (&domain::billing::report::SoldItem, &domain::billing::report::Sold)| {
        let (kind, method) = (item.kind.name(), item.method.name());
        vec![
            json!(kind),
            json!(item.item),
            json!(method),
            json!(item.currency.code()),
            json!(sold.count),
            json!(sold.amount_minor),
        ]
    };
    let columns = &["kind", "item", "method", "currency", "count", "amount_minor"];
    Table { name: "sold", columns, rows: report.sold.iter().map(row).collect() }
}

fn refunded(report: &Report) -> Table {
    let rows = report.refunded.iter().map(|((kind, currency), sold)| {
        vec![json!(kind.name()), json!(currency.code()), json!(sold.count), json!(sold.amount_minor)]
    });
    Table { name: "refunded", columns: &["kind", "currency", "count", "amount_minor"], rows: rows.collect() }
}

fn granted(report: &Report) -> Table {
    let rows = report
        .granted
        .iter()
        .map(|(reason, flow)| vec![json!(reason.name()), json!(flow.tokens), json!(flow.kopecks)]);
    Table { name: "granted", columns: &["reason", "tokens", "paid_kopecks"], rows: rows.collect() }
}

fn tokens(report: &Report) -> Table {
    let (plan, permanent) = (&report.plan, &report.permanent);
    let row = |movement: &str, plan: Flow, permanent: Flow| {
        vec![
            json!(movement),
            json!(plan.tokens),
            json!(plan.kopecks),
            json!(permanent.tokens),
            json!(permanent.kopecks),
        ]
    };
    let rows = vec![
        row("opening", plan.opening, permanent.opening),
        row("granted", plan.granted, permanent.granted),
        row("spent", plan.spent, permanent.spent),
        row("expired", plan.expired, permanent.expired),
        row("adjusted", plan.adjusted, permanent.adjusted),
        row("recovered", plan.recovered, permanent.recovered),
        row("closing", plan.closing, permanent.closing),
        // What of it is of cycles that are over, and can no longer be spent.
        row("closing_ended", report.ended, Flow::default()),
    ];
    let columns = &["movement", "plan_tokens", "plan_kopecks", "permanent_tokens", "permanent_kopecks"];
    Table { name: "tokens", columns, rows }
}

fn debts(report: &Report) -> Table {
    let debts = &report.debts;
    let rows = [
        ("opening", debts.opening_tokens),
        ("incurred", debts.incurred_tokens),
        ("recovered", debts.recovered_tokens),
        ("closing", debts.closing_tokens()),
    ];
    let rows = rows.map(|(movement, tokens)| vec![json!(movement), json!(tokens)]);
    Table { name: "debts", columns: &["movement", "tokens"], rows: rows.into() }
}

const MARGIN: &[&str] = &[
    "model",
    "generations",
    "without_cost",
    "tokens",
    "revenue_kopecks",
    "cost_micro_usd",
    "cost_kopecks",
    "margin_kopecks",
];

fn margin(model: &str, margin: domain::billing::report::Margin) -> Vec<Value> {
    vec![
        json!(model),
        json!(margin.generations),
        json!(margin.without_cost),
        json!(margin.tokens),
        json!(margin.revenue_kopecks),
        json!(margin.cost_micro_usd),
        json!(margin.cost_kopecks),
        json!(margin.margin_kopecks()),
    ]
}

fn models(report: &Report) -> Table {
    let rows = report.margins().into_iter().map(|(model, of_model)| margin(&model, of_model));
    Table { name: "models", columns: MARGIN, rows: rows.collect() }
}

fn total(report: &Report) -> Table {
    Table { name: "total", columns: MARGIN, rows: vec![margin("all", report.total_margin())] }
}

fn liability(report: &Report) -> Table {
    let running = report.plan.closing.minus(report.ended);
    let rows = [("plan", running), ("permanent", report.permanent.closing), ("all", report.liability())];
    let rows = rows.map(|(kind, flow)| vec![json!(kind), json!(flow.tokens), json!(flow.kopecks)]);
    Table { name: "liability", columns: &["bucket", "tokens", "worth_kopecks"], rows: rows.into() }
}

fn problems(report: &Report) -> Table {
    let rows = report.problems.iter().map(|problem| {
        let account = problem.account_id.map_or_else(|| "all".to_owned(), |id| id.to_string());
        vec![json!(account), json!(problem.message)]
    });
    Table { name: "problems", columns: &["account", "message"], rows: rows.collect() }
}

/// One document: each table is a list of objects.
pub(super) fn json(report: &Report, tables: &[Table]) -> String {
    let terms = &report.terms;
    let mut document = Map::new();
    document.insert("from".to_owned(), json!(terms.from));
    document.insert("to".to_owned(), json!(terms.to));
    document.insert("kopecks_per_usd".to_owned(), json!(terms.kopecks_per_usd));
    document.insert("kopecks_per_star".to_owned(), json!(terms.kopecks_per_star));
    document.insert("accounts".to_owned(), json!(report.accounts));
    document.insert("entries".to_owned(), json!(report.entries));
    document.insert("clean".to_owned(), json!(report.problems.is_empty()));
    for table in tables {
        let rows = table.rows.iter().map(|row| {
            let columns = table.columns.iter().map(|column| (*column).to_owned());
            Value::Object(columns.zip(row.iter().cloned()).collect())
        });
        document.insert(table.name.to_owned(), rows.collect());
    }
    format!("{:#}", Value::Object(document))
}

/// A line for each number: the table, what the number is of, its name, and itself.
pub(super) fn csv(tables: &[Table]) -> String {
    let mut lines = vec!["table,of,measure,value".to_owned()];
    for table in tables {
        for row in &table.rows {
            let labels: Vec<&str> = row.iter().filter_map(Value::as_str).collect();
            let of = quoted(&labels.join(" "));
            for (column, value) in table.columns.iter().zip(row).filter(|(_, value)| value.is_i64()) {
                lines.push(format!("{},{of},{column},{value}", table.name));
            }
        }
    }
    lines.join("\n")
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// For people: money in its own units.
pub(super) fn text(report: &Report, tables: &[Table]) -> String {
    let terms = &report.terms;
    let mut text = format!(
        "{} to {}: {} accounts, {} entries; a dollar at {} RUB, a Star at {} RUB\n",
        terms.from,
        terms.to,
        report.accounts,
        report.entries,
        decimal(terms.kopecks_per_usd, 2),
        decimal(terms.kopecks_per_star, 2),
    );
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}\n{}", table.name, aligned(table));
    }
    let verdict = if report.problems.is_empty() {
        "opening and granted, less spent, expired, adjusted and recovered, is closing; every wallet is what its entries say"
    } else {
        "the books do not agree"
    };
    let _ = write!(text, "\n{verdict}");
    text
}

fn aligned(table: &Table) -> String {
    let mut lines: Vec<Vec<String>> = vec![table.columns.iter().map(|column| heading(column)).collect()];
    lines.extend(
        table.rows.iter().map(|row| table.columns.iter().zip(row).map(|(c, v)| cell(c, v, row)).collect()),
    );
    let width = |place: usize| lines.iter().map(|line| line[place].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let is_text = |place: usize| table.rows.first().is_some_and(|row| row[place].is_string());
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(place, cell)| {
            let width = widths[place];
            if is_text(place) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

fn heading(column: &str) -> String {
    match column.rsplit_once('_') {
        Some((name, "kopecks")) => format!("{name} RUB"),
        _ if column == "amount_minor" => "amount".to_owned(),
        _ if column.ends_with("_micro_usd") => column.replace("_micro_usd", " USD"),
        _ => column.replace('_', " "),
    }
}

fn cell(column: &str, value: &Value, row: &[Value]) -> String {
    let Some(number) = value.as_i64() else { return value.as_str().unwrap_or_default().to_owned() };
    let is_stars = row.iter().any(|cell| cell == "XTR");
    match column {
        "amount_minor" if is_stars => number.to_string(),
        _ if column == "amount_minor" || column.ends_with("_kopecks") => decimal(number, 2),
        _ if column.ends_with("_micro_usd") => decimal(number, 6),
        _ => number.to_string(),
    }
}

/// A whole number with its last `digits` as decimals.
fn decimal(number: i64, digits: u32) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let unit = 10_u64.pow(digits);
    let (whole, fraction) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
    format!("{sign}{whole}.{fraction:0width$}", width = digits as usize)
}
