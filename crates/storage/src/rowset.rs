//! Rows that go to the database within one statement. Its text is nearly the same for any number of them: it is prepared once, and
//! one round trip carries a whole batch.

use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable,
    ModelTrait, Statement, Value,
};
use std::fmt::Write;

/// A column of such rows.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    /// Else it is text.
    is_number: bool,
}

impl Column {
    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, is_number: true }
    }

    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name, is_number: false }
    }

    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    const fn postgres_type(self) -> &'static str {
        if self.is_number { "bigint" } else { "text" }
    }
}

/// Rows, of which the first column is a number and never null.
pub(crate) struct Rows {
    columns: Vec<Column>,
    /// Row after row.
    cells: Vec<Value>,
}

/// How rows get into a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The one row there is, a parameter for each of its cells, on PostgreSQL.
    Single,
    /// Any number of them as one parameter, a JSON document, on PostgreSQL. It takes longer for one row and less for many.
    Document,
    /// A parameter for each cell, on SQLite, which would read a document again for every one of them.
    Values,
}

impl Form {
    /// How statements take rows, of which each has as many as `lens` says.
    pub(crate) fn of(backend: DbBackend, lens: impl IntoIterator<Item = usize>) -> Self {
        match backend {
            DbBackend::Postgres if lens.into_iter().all(|len| len == 1) => Self::Single,
            DbBackend::Postgres => Self::Document,
            _ => Self::Values,
        }
    }
}

impl Rows {
    /// Of `columns`, each with a cell for every one of them.
    pub(crate) fn new<R: IntoIterator<Item = Value>>(
        columns: impl IntoIterator<Item = Column>,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        let rows =
            Self { columns: columns.into_iter().collect(), cells: rows.into_iter().flatten().collect() };
        debug_assert_eq!(rows.cells.len() % rows.columns.len(), 0, "a row with a cell too many or too few");
        rows
    }

    /// Whole rows of a table.
    pub(crate) fn of<E: EntityTrait>(rows: impl IntoIterator<Item = E::Model>) -> Self {
        Self::new(columns_of::<E>(), rows.into_iter().map(|row| cells_of::<E>(&row)))
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len() / self.columns.len()
    }

    /// What their columns are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name)
    }

    /// What a statement selects from to read them, under the name `v`. What it takes for that is added to its `parameters`.
    ///
    /// # Errors
    /// When something in them is neither a number nor a text.
    pub(crate) fn source(self, form: Form, parameters: &mut Vec<Value>) -> Result<String, DbErr> {
        match form {
            Form::Single => Ok(self.into_single(parameters)),
            Form::Document => self.into_document(parameters),
            Form::Values => Ok(self.into_values(parameters)),
        }
    }

    fn into_single(self, parameters: &mut Vec<Value>) -> String {
        let mut source = String::with_capacity(self.columns.len() * 40);
        source.push_str("(SELECT ");
        for (column, number) in self.columns.iter().zip(parameters.len() + 1..) {
            // Writing to a string cannot fail.
            let _ = write!(source, "${number}::");
            source.extend([column.postgres_type(), " AS ", column.name, ", "]);
        }
        parameters.extend(self.cells);
        closed(source, ") AS v")
    }

    /// PostgreSQL takes a document for a hundred rows and, as long as a table is small, rather reads all of that than look them up;
    /// and keeps to it when the table has grown. By a condition that says nothing it takes them for one row.
    fn into_document(self, parameters: &mut Vec<Value>) -> Result<String, DbErr> {
        parameters.push(self.document()?.into());
        let number = parameters.len();
        let (mut names, mut types) = (String::with_capacity(self.columns.len() * 32), String::new());
        for (column, key) in self.columns.iter().zip(&KEYS) {
            names.extend([key, " AS ", column.name, ", "]);
            types.extend([key, " ", column.postgres_type(), ", "]);
        }
        let (names, types) = (closed(names, ""), closed(types, ""));
        let first = KEYS[0];
        let read = format!("json_to_recordset(${number}::json) AS v({types})");
        Ok(format!("(SELECT {names} FROM {read} WHERE {first} - {first} = 0) AS v"))
    }

    /// An array of objects with short keys, without what is null.
    fn document(&self) -> Result<String, DbErr> {
        let failed = |error: &dyn std::error::Error| DbErr::Custom(error.to_string());
        let mut json = Vec::with_capacity(self.cells.len() * 16);
        for row in self.cells.chunks(self.columns.len()) {
            json.push(if json.is_empty() { b'[' } else { b',' });
            json.push(b'{');
            let mut before = "\"";
            for (cell, key) in row.iter().zip(&KEYS) {
                if matches!(cell, Value::BigInt(None) | Value::String(None)) {
                    continue;
                }
                for part in [before, key, "\":"] {
                    json.extend(part.as_bytes());
                }
                let written = match cell {
                    Value::BigInt(number) => serde_json::to_writer(&mut json, number),
                    Value::String(text) => serde_json::to_writer(&mut json, text),
                    other => return Err(DbErr::Type(format!("{other:?} is neither a number nor a text"))),
                };
                written.map_err(|error| failed(&error))?;
                before = ",\"";
            }
            json.push(b'}');
        }
        json.push(b']');
        String::from_utf8(json).map_err(|error| failed(&error))
    }

    /// Filled up with empty rows, so that the text is the same for many numbers of them.
    fn into_values(self, parameters: &mut Vec<Value>) -> String {
        let (width, len) = (self.columns.len(), self.len().next_power_of_two());
        let missing = (len * width).saturating_sub(self.cells.len());
        parameters.extend(self.cells);
        parameters.extend(std::iter::repeat_n(Value::BigInt(None), missing));
        let mut names = String::new();
        for (column, number) in self.columns.iter().zip(1..) {
            // Writing to a string cannot fail.
            let _ = write!(names, "column{number} AS {}, ", column.name);
        }
        let row = format!("({}), ", closed("?, ".repeat(width), ""));
        let (names, rows) = (closed(names, ""), closed(row.repeat(len), ""));
        format!("(SELECT {names} FROM (VALUES {rows}) WHERE column1 IS NOT NULL) AS v")
    }
}

/// A list whose items have a comma after them, without the last of these, and with what follows.
fn closed(mut list: String, end: &str) -> String {
    list.truncate(list.len() - 2);
    list.push_str(end);
    list
}

/// What columns are called in a document, by their places: shorter than their names, each of which would stand there once a row.
static KEYS: [&str; 40] = [
    "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14", "c15",
    "c16", "c17", "c18", "c19", "c20", "c21", "c22", "c23", "c24", "c25", "c26", "c27", "c28", "c29", "c30",
    "c31", "c32", "c33", "c34", "c35", "c36", "c37", "c38", "c39",
];

/// The columns of a table.
pub(crate) fn columns_of<E: EntityTrait>() -> impl Iterator<Item = Column> {
    E::Column::iter().map(|column| {
        let is_number = matches!(column.def().get_column_type(), ColumnType::BigInteger);
        Column { name: column.as_str(), is_number }
    })
}

/// What a row of that table has in them.
pub(crate) fn cells_of<E: EntityTrait>(row: &E::Model) -> Vec<Value> {
    E::Column::iter().map(|column| row.get(column)).collect()
}

/// The names of a table's columns.
pub(crate) fn names_of<E: EntityTrait>() -> Vec<&'static str> {
    E::Column::iter().map(|column| column.as_str()).collect()
}

/// The rows of a table that are as one of `rows`, as far as those say.
pub(crate) async fn find<E: EntityTrait>(
    db: &impl ConnectionTrait,
    rows: Rows,
) -> Result<Vec<E::Model>, DbErr> {
    if rows.len() == 0 {
        return Ok(Vec::new());
    }
    let selected = names_of::<E>().iter().map(|name| format!("t.{name}")).collect::<Vec<_>>().join(", ");
    let joined = rows.names().map(|name| format!("t.{name} = v.{name}")).collect::<Vec<_>>().join(" AND ");
    let backend = db.get_database_backend();
    let (mut parameters, form) = (Vec::new(), Form::of(backend, [rows.len()]));
    let (v, table) = (rows.source(form, &mut parameters)?, E::default().table_name().to_owned());
    let sql = format!("SELECT {selected} FROM {v} JOIN {table} t ON {joined}");
    E::find().from_raw_sql(Statement::from_sql_and_values(backend, sql, parameters)).all(db).await
}

/// A condition that `column` is one of the numbers of the first parameter, a [`numbers`] document.
pub(crate) fn is_among(backend: DbBackend, column: &str) -> String {
    match backend {
        // An array, so that the planner does not take the numbers for a table to join with.
        DbBackend::Postgres => {
            format!("{column} = ANY (ARRAY(SELECT json_array_elements_text($1::json)::bigint))")
        }
        _ => format!("{column} IN (SELECT value FROM json_each($1))"),
    }
}

/// The document of some numbers.
pub(crate) fn numbers(numbers: impl Iterator<Item = i64>) -> String {
    format!("[{}]", numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(","))
}
