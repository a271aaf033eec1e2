//! The query string, read field by field, so that every wrong one is named at once.

use crate::error::ApiError;
use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use domain::params::FieldError;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::RangeInclusive,
    str::FromStr,
};

/// What a query says, and what was found wrong with it so far. What is asked for is taken out; what is left at the end is
/// unknown. A field that stands there empty counts as not given.
pub(crate) struct QueryFields {
    given: BTreeMap<String, String>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) =
            pairs.map_err(|rejection| ApiError::field(FieldError::new("query", rejection.body_text())))?;
        let mut fields = Self { given: BTreeMap::new(), known: Vec::new(), errors: Vec::new() };
        for (name, value) in pairs {
            match fields.given.entry(name) {
                Entry::Occupied(entry) => {
                    fields.errors.push(FieldError::new(entry.key(), "stands there twice"));
                }
                Entry::Vacant(entry) => drop(entry.insert(value)),
            }
        }
        Ok(fields)
    }
}

impl QueryFields {
    /// A field as it stands there.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.given.remove(name).filter(|text| !text.is_empty())
    }

    /// A field that is one of a few words.
    pub(crate) fn one_of<T: Copy>(
        &mut self,
        field: &'static str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(field)?;
        let found = all.iter().copied().find(|value| name(*value) == text);
        if found.is_none() {
            let error = FieldError::new(field, "is none of what there is");
            self.refuse(error.allowing(all.iter().map(|value| name(*value))));
        }
        found
    }

    /// A whole number in its range.
    pub(crate) fn whole<T>(&mut self, field: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let text = self.text(field)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let error = FieldError::new(field, "must lie in its range");
            self.refuse(error.allowing([format!("{}..{}", range.start(), range.end())]));
        }
        number
    }

    /// Says that something is wrong.
    pub(crate) fn refuse(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// Refuses the query when anything in it was wrong, or is left over.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        for name in std::mem::take(&mut self.given).into_keys() {
            let error = FieldError::new(name, "is no field of this query");
            self.errors.push(if self.known.is_empty() {
                error
            } else {
                error.allowing(self.known.iter().copied())
            });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::validation(self.errors)) }
    }
}

/// A page of a list, as long lists are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1 on.
    pub(crate) page: u64,
    /// Items on it.
    pub(crate) limit: u64,
}

impl Page {
    pub(crate) const MAX_LIMIT: u64 = 100;
    pub(crate) const DEFAULT_LIMIT: u64 = 20;

    /// Reads which page is wanted of a list that is shown down to `max_depth` items.
    pub(crate) fn read(query: &mut QueryFields, max_depth: u64) -> Self {
        let limit = query.whole("limit", 1..=Self::MAX_LIMIT).unwrap_or(Self::DEFAULT_LIMIT);
        let page = query.whole("page", 1..=max_depth / limit).unwrap_or(1);
        Self { page, limit }
    }

    /// Items before it.
    pub(crate) const fn offset(self) -> u64 {
        (self.page - 1) * self.limit
    }
}
