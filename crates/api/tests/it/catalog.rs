//! The owner's table of models.

const CSV: &str = include_str!("../../../domain/tests/fixtures/catalog.csv");

/// What the API shows of a row.
pub(crate) struct Row {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) min_plan: &'static str,
    pub(crate) pricing_type: &'static str,
    pub(crate) token_cost: i64,
    pub(crate) min_token_cost: i64,
    pub(crate) max_token_cost: i64,
    pub(crate) mode: &'static str,
}

/// All 50.
pub(crate) fn rows() -> Vec<Row> {
    let rows: Vec<Row> = CSV.lines().skip(1).map(row).collect();
    assert_eq!(rows.len(), 50);
    rows
}

/// The slugs of the text models.
pub(crate) fn texts() -> Vec<&'static str> {
    let texts: Vec<&str> = rows().iter().filter(|row| row.category == "text").map(|row| row.slug).collect();
    assert_eq!(texts.len(), 12);
    texts
}

fn row(line: &'static str) -> Row {
    let columns: Vec<&str> = line.split(',').collect();
    let number = |column: usize| columns[column].parse().unwrap();
    Row {
        slug: columns[0],
        name: columns[1],
        category: columns[2],
        provider: columns[3],
        min_plan: columns[6],
        pricing_type: columns[7],
        token_cost: number(8),
        min_token_cost: number(9),
        max_token_cost: number(10),
        mode: columns[11],
    }
}
