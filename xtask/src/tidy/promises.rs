//! `docs/promises.md` names the tests that hold each promise, and `xtask/breaks.toml` breaks each on purpose. Neither may
//! rot: the tests are there, and the breaks still fit.

use super::Violation;
use crate::{
    Result,
    breaks::list::{self, Break},
    test_name::TestName,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const DOC: &str = "docs/promises.md";
/// Promises that there are.
const COUNT: u8 = 19;
/// The last promise says how the others are tried, and has no line of the product that could be broken.
const BREAKABLE: u8 = COUNT - 1;

const NAMED: &str = "whoever relies on a promise must find its tests";
const BITES: &str = "a test that nothing turns red promises nothing";

/// Checks the document and the list below `root`.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let doc = fs::read_to_string(root.join(DOC)).map_err(|error| format!("{DOC}: {error}"))?;
    let breaks = list::read(root)?;
    let list = fs::read_to_string(root.join(list::PATH))?;
    let mut violations = check_doc(&doc, |test| test.exists(root));
    violations.extend(check_breaks(&list, &breaks, list::mistakes(root, &breaks)));
    Ok(violations)
}

fn check_doc(doc: &str, exists: impl Fn(&TestName) -> bool) -> Vec<Violation> {
    let violation = |line, what, why| Violation { path: DOC.to_owned(), line, what, why };
    let (mut violations, mut tests_of) = (Vec::new(), BTreeMap::new());
    let mut promise = None;
    for (index, line) in doc.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            promise = heading.split_once(". ").and_then(|(number, _)| number.parse::<u8>().ok());
        }
        for text in line.split('`').skip(1).step_by(2).filter(|text| text.contains(".rs::")) {
            match TestName::parse(text) {
                Some(test) if exists(&test) => {
                    if let Some(promise) = promise {
                        *tests_of.entry(promise).or_insert(0_usize) += 1;
                    }
                }
                _ => violations.push(violation(index + 1, format!("there is no test `{text}`"), NAMED)),
            }
        }
    }
    let untested = (1..=COUNT).filter(|promise| !tests_of.contains_key(promise));
    violations
        .extend(untested.map(|promise| violation(1, format!("promise {promise} names no test"), NAMED)));
    violations
}

fn check_breaks(list: &str, breaks: &[Break], mistakes: Vec<(String, String)>) -> Vec<Violation> {
    let line_of = |name: &str| {
        let start = format!("name = \"{name}\"");
        list.lines().position(|line| line == start).map_or(1, |index| index + 1)
    };
    let violation = |line, what| Violation { path: list::PATH.to_owned(), line, what, why: BITES };
    let found = mistakes.into_iter().map(|(name, what)| violation(line_of(&name), format!("{name}: {what}")));
    let broken: BTreeSet<u8> = breaks.iter().map(|one| one.promise).collect();
    let whole = (1..=BREAKABLE).filter(|promise| !broken.contains(promise));
    let whole = whole.map(|promise| violation(1, format!("nothing breaks promise {promise}")));
    let unknown = breaks.iter().filter(|one| !(1..=BREAKABLE).contains(&one.promise));
    let unknown =
        unknown.map(|one| violation(line_of(&one.name), format!("there is no promise {}", one.promise)));
    found.chain(whole).chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(|violation| format!("{}: {}", violation.line, violation.what)).collect()
    }

    #[test]
    fn every_promise_names_tests_that_are_there() {
        let section = |promise: u8| format!("## {promise}. Something\n\n- `crates/a/tests/it/b.rs::c`\n");
        let doc: String = (1..=COUNT).map(section).collect();
        assert_eq!(found(&check_doc(&doc, |_| true)), [""; 0]);
        let missing = format!("{doc}and `crates/a/tests/it/b.rs::d`, `no.rs::test`\n");
        let expected =
            ["58: there is no test `crates/a/tests/it/b.rs::d`", "58: there is no test `no.rs::test`"];
        assert_eq!(found(&check_doc(&missing, |test| test.filter() == "c")), expected);
        let shorter = doc.replace("## 7.", "## Other");
        assert_eq!(found(&check_doc(&shorter, |_| true)), ["1: promise 7 names no test"]);
    }

    #[test]
    fn every_promise_is_broken() {
        let text = |promise: u8| {
            format!(
                "[[break]]\nname = \"b{promise}\"\npromise = {promise}\nwhat = \"\"\nfile = \"\"\nfrom = \"\"\nto = \"\"\ntests = []\n"
            )
        };
        let list: String = (1..=BREAKABLE).filter(|promise| *promise != 4).chain([COUNT]).map(text).collect();
        let breaks = list::parse(&list).unwrap();
        let mistakes = vec![("b2".to_owned(), "odd".to_owned())];
        let expected = ["10: b2: odd", "1: nothing breaks promise 4", "138: there is no promise 19"];
        assert_eq!(found(&check_breaks(&list, &breaks, mistakes)), expected);
    }
}
