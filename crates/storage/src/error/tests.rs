use super::*;
use sea_orm::sqlx::{
    Error as SqlxError,
    error::{DatabaseError, ErrorKind},
};
use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

/// What a database says, by its code alone.
#[derive(Debug)]
struct Coded(&'static str);

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Coded {}

impl DatabaseError for Coded {
    fn message(&self) -> &str {
        self.0
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }
}

fn check(code: &'static str, expected: Trouble) {
    let error = SqlxError::Database(Box::new(Coded(code)));
    let error = DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)));
    assert_eq!(Trouble::of(&error), expected, "{code}");
}

/// What lost against others is tried again, what may pass says so, and the rest is a mistake of ours.
#[test]
fn errors_are_told_apart_by_their_codes() {
    for code in ["40001", "40P01", "6", "261", "517", "262"] {
        check(code, Trouble::Conflict);
    }
    check("55P03", Trouble::Locked);
    for code in ["57014", "57P01", "25006", "55000", "3D000", "08006", "28000", "53300", "58030"] {
        check(code, Trouble::Unavailable);
    }
    for code in ["3", "5", "8", "10", "13", "14", "266", "778"] {
        check(code, Trouble::Unavailable);
    }
    for code in ["23505", "23514", "42P01", "22003", "1", "19", "2067", "20"] {
        check(code, Trouble::Other);
    }
    assert_eq!(Trouble::of(&DbErr::RecordNotUpdated), Trouble::Conflict);
    let away = SqlxError::PoolTimedOut;
    let away = DbErr::Exec(RuntimeErr::SqlxError(Arc::new(away)));
    assert_eq!(Trouble::of(&away), Trouble::Unavailable);
    assert_eq!(Trouble::of(&DbErr::Custom(String::new())), Trouble::Other);
}
