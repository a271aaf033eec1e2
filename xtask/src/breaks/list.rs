//! The list of breaks, and whether it still fits the sources.

use crate::{Result, test_name::TestName};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeSet, fs, path::Path};

/// Where the list stands.
pub(crate) const PATH: &str = "xtask/breaks.toml";

/// One deliberate break of the product.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Break {
    /// What it is called.
    pub(crate) name: String,
    /// The promise that it breaks, by its number in `docs/promises.md`.
    pub(crate) promise: u8,
    /// What goes wrong then, in words.
    pub(crate) what: String,
    /// The file, below the workspace's root.
    pub(crate) file: String,
    /// What stands there, once.
    pub(crate) from: String,
    /// What stands there instead.
    pub(crate) to: String,
    /// Tests, at least one of which turns red.
    #[serde(deserialize_with = "test_names")]
    pub(crate) tests: Vec<TestName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(rename = "break")]
    breaks: Vec<Break>,
}

/// Reads the list.
pub(crate) fn read(root: &Path) -> Result<Vec<Break>> {
    let text = fs::read_to_string(root.join(PATH)).map_err(|error| format!("{PATH}: {error}"))?;
    parse(&text)
}

/// Reads the text of a list.
pub(crate) fn parse(text: &str) -> Result<Vec<Break>> {
    let List { breaks } = toml::from_str(text).map_err(|error| format!("{PATH}: {error}"))?;
    Ok(breaks)
}

/// What is wrong with the list: `name: what`, one a mistake.
pub(crate) fn mistakes(root: &Path, breaks: &[Break]) -> Vec<(String, String)> {
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for one in breaks {
        let mut wrong = |what: String| found.push((one.name.clone(), what));
        if !names.insert(&one.name) {
            wrong("another break has this name".to_owned());
        }
        if let Err(what) = one.apply_to(&fs::read_to_string(root.join(&one.file)).unwrap_or_default()) {
            wrong(what);
        }
        if one.tests.is_empty() {
            wrong("it names no test".to_owned());
        }
        for test in one.tests.iter().filter(|test| !test.exists(root)) {
            wrong(format!("there is no test `{}`", test.filter()));
        }
    }
    found
}

impl Break {
    /// The file's text with the break in it.
    pub(crate) fn apply_to(&self, text: &str) -> std::result::Result<String, String> {
        match text.matches(&self.from).count() {
            1 if self.from != self.to => Ok(text.replacen(&self.from, &self.to, 1)),
            1 => Err("it changes nothing".to_owned()),
            count => Err(format!("what it replaces stands {count} times in {}, not once", self.file)),
        }
    }
}

fn test_names<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<TestName>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| TestName::parse(text).ok_or_else(|| format!("`{text}` names no test"));
    texts.iter().map(read).collect::<std::result::Result<_, _>>().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(from: &str, to: &str) -> Break {
        let text = |text: &str| text.to_owned();
        let (name, what, file) = (text("a"), text("b"), text("c.rs"));
        Break { name, promise: 1, what, file, from: text(from), to: text(to), tests: Vec::new() }
    }

    #[test]
    fn a_break_fits_in_one_place() {
        assert_eq!(one("b", "c").apply_to("abd").as_deref(), Ok("acd"));
        for (from, to, text) in [("b", "c", "bb"), ("b", "c", "a"), ("b", "b", "b")] {
            assert!(one(from, to).apply_to(text).is_err(), "{from} {to} {text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let breaks = [one("x", "y"), one("x", "y")];
        let found = mistakes(Path::new("/nowhere"), &breaks);
        let texts: Vec<_> = found.iter().map(|(name, what)| format!("{name}: {what}")).collect();
        let missing = "a: what it replaces stands 0 times in c.rs, not once";
        let (no_test, twice) = ("a: it names no test", "a: another break has this name");
        assert_eq!(texts, [missing, no_test, twice, missing, no_test]);
    }
}
