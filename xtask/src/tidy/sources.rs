//! Rules about what stands in a Rust file.

use super::{
    Violation, comparisons,
    tokens::{self, Token, item_len, starts_with},
};

const TABLES: [&str; 2] = ["wallets", "ledger_entries"];
const SQL_WRITES: [&str; 4] = ["insert into", "update", "delete from", "truncate"];
/// The modules of the entities of [`TABLES`], either way that they are named.
const ENTITIES: [&str; 4] = ["wallet", "wallets", "ledger_entry", "ledger_entries"];
const ENTITY_WRITES: [&str; 3] = ["insert", "update", "delete"];

/// A rule over tokens: what is wrong at the first of them, if anything.
struct Rule {
    applies_to: fn(&str) -> bool,
    why: &'static str,
    /// Gets all tokens of the file, and where to look.
    find: fn(&[Token], usize) -> Option<String>,
}

const RULES: [Rule; 5] = [
    Rule { applies_to: |_| true, why: "a test that does not run promises nothing", find: ignored_test },
    Rule {
        applies_to: |path| path.starts_with("crates/domain/src/"),
        why: "money and prices are integers",
        find: float,
    },
    Rule { applies_to: is_test, why: "a test waits for what it needs, not for time to pass", find: sleep },
    Rule {
        applies_to: may_not_write_balances,
        why: "the ledger is the only writer of balances",
        find: balance_write,
    },
    Rule {
        applies_to: |path| !is_test(path),
        why: "a secret is compared in constant time: subtle's `ct_eq`",
        find: comparisons::of_a_secret,
    },
];

/// Checks the file at `path`, given from the workspace's root.
pub(super) fn check(path: &str, source: &str) -> Vec<Violation> {
    let violation = |line, what: String, why| Violation { path: path.to_owned(), line, what, why };
    let mut violations = Vec::new();
    if path.ends_with("/mod.rs") {
        violations.push(violation(1, "a mod.rs".to_owned(), "a module is `foo.rs` beside `foo/`"));
    }
    let tokens = match tokens::read(source) {
        Ok(tokens) => tokens,
        Err(line) => return vec![violation(line, "this is no Rust".to_owned(), "every file is checked")],
    };
    for rule in RULES.iter().filter(|rule| (rule.applies_to)(path)) {
        for (index, token) in tokens.iter().enumerate() {
            if let Some(what) = (rule.find)(&tokens, index) {
                violations.push(violation(token.line, what, rule.why));
            }
        }
    }
    violations.sort_by_key(|violation| violation.line);
    violations
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "benches")) || path.ends_with("/tests.rs")
}

fn may_not_write_balances(path: &str) -> bool {
    let is_ledger = path == "crates/storage/src/ledger.rs" || path.starts_with("crates/storage/src/ledger/");
    // Neither is ever shipped; the second writes what the ledger is compared with.
    let is_beside = ["crates/testkit/", "crates/bench/"].iter().any(|folder| path.starts_with(folder));
    !is_ledger && !is_test(path) && !is_beside
}

fn ignored_test(tokens: &[Token], at: usize) -> Option<String> {
    let attribute = tokens.get(at..).filter(|rest| starts_with(rest, &["#", "["]))?.get(2..)?;
    let is_ignored = match attribute.first()?.text.as_str() {
        "ignore" => true,
        "cfg_attr" => {
            attribute.iter().take_while(|token| token.text != "]").any(|token| token.text == "ignore")
        }
        _ => false,
    };
    is_ignored.then(|| "#[ignore]".to_owned())
}

fn float(tokens: &[Token], at: usize) -> Option<String> {
    let text = tokens[at].text.as_str();
    let is_name = matches!(text, "f32" | "f64" | "as_f64" | "from_f64");
    // `pair.0.1` is read as `pair . 0.1`, but `..0.1` really is a float.
    let dots_before = tokens[..at].iter().rev().take_while(|token| token.text == ".").count();
    (is_name || (dots_before != 1 && is_float_literal(text))).then(|| format!("a float: `{text}`"))
}

fn is_float_literal(text: &str) -> bool {
    let is_decimal = text.starts_with(|first: char| first.is_ascii_digit());
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    is_decimal && (rest.starts_with(['.', 'e', 'E']) || matches!(rest, "f32" | "f64"))
}

fn sleep(tokens: &[Token], at: usize) -> Option<String> {
    let text = tokens[at].text.as_str();
    let is_function = matches!(text, "sleep" | "sleep_until" | "sleep_ms");
    // `x.sleep()` is a method and `fn sleep()` a definition: somebody else's.
    let is_ours = at > 0 && matches!(tokens[at - 1].text.as_str(), "." | "fn");
    (is_function && !is_ours && starts_with(&tokens[at + 1..], &["("])).then(|| format!("a call of `{text}`"))
}

fn balance_write(tokens: &[Token], at: usize) -> Option<String> {
    let found =
        if tokens[at].text.contains('"') { sql_write(tokens, at) } else { entity_write(&tokens[at..]) };
    found.filter(|_| !is_under_cfg_test(tokens, at))
}

fn entity_write(tokens: &[Token]) -> Option<String> {
    let path: Vec<_> = tokens.iter().take(7).map(|token| token.text.as_str()).collect();
    match path.as_slice() {
        [entity, ":", ":", "ActiveModel", ..] if ENTITIES.contains(entity) => {
            Some(format!("a write: `{entity}::ActiveModel`"))
        }
        [entity, ":", ":", "Entity", ":", ":", method, ..]
            if ENTITIES.contains(entity) && ENTITY_WRITES.iter().any(|write| method.starts_with(write)) =>
        {
            Some(format!("a write: `{entity}::Entity::{method}`"))
        }
        _ => None,
    }
}

/// Finds `UPDATE wallets` and its like in a string literal, whatever the case, the quotes and the line breaks.
fn sql_write(tokens: &[Token], at: usize) -> Option<String> {
    if at >= 2 && starts_with(&tokens[at - 2..], &["doc", "="]) {
        return None;
    }
    let is_separator = |c: char| !c.is_alphanumeric() && c != '_';
    let separated = tokens[at].text.replace("\\n", " ").replace(is_separator, " ").to_lowercase();
    let words = format!(" {} ", separated.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut statements = SQL_WRITES.iter().flat_map(|write| TABLES.map(|table| format!("{write} {table}")));
    let found = statements.find(|statement| words.contains(&format!(" {statement} ")))?;
    Some(format!("a write: `{found}`"))
}

/// Whether the token belongs to an item under `#[cfg(test)]`.
fn is_under_cfg_test(tokens: &[Token], at: usize) -> bool {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let covers = |start: usize| {
        let item = start + ATTRIBUTE.len();
        starts_with(&tokens[start..], &ATTRIBUTE) && at < item + item_len(&tokens[item..])
    };
    (0..at).any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "crates/domain/src/pricing.rs";
    const APP: &str = "crates/app/src/generate.rs";
    const TEST: &str = "crates/app/tests/it/generate.rs";

    /// `expected` is `line: what`, one a violation.
    fn check_source(path: &str, source: &str, expected: &[&str]) {
        let found: Vec<_> =
            check(path, source).iter().map(|it| format!("{}: {}", it.line, it.what)).collect();
        assert_eq!(found, expected, "{path}: {source}");
    }

    #[test]
    fn the_domain_has_no_floats() {
        for (source, expected) in [
            ("fn f(x: i64) -> f64 { todo!() }", vec!["1: a float: `f64`"]),
            ("fn f() {\n    g(x as f32)\n}", vec!["2: a float: `f32`"]),
            ("const X: T = T(1.5);", vec!["1: a float: `1.5`"]),
            ("const X: T = T(1e3);", vec!["1: a float: `1e3`"]),
            ("const X: T = T(1_0f64);", vec!["1: a float: `1_0f64`"]),
            ("const X: T = ..0.5;", vec!["1: a float: `0.5`"]),
            (
                "fn f() { value.as_f64(); T::from_f64(x); }",
                vec!["1: a float: `as_f64`", "1: a float: `from_f64`"],
            ),
            ("fn f() { assert_eq!(x, 2.); }", vec!["1: a float: `2.`"]),
            ("fn f() { (pair.0.1, 0xe1, 1usize, 1..2, \"1.5 f64\") } // 1.5 f64", vec![]),
        ] {
            check_source(DOMAIN, source, &expected);
            check_source(APP, source, &[]);
        }
    }

    #[test]
    fn no_test_is_ignored() {
        for (source, expected) in [
            ("#[test]\n#[ignore]\nfn f() {}", vec!["2: #[ignore]"]),
            ("#[ignore = \"slow\"] fn f() {}", vec!["1: #[ignore]"]),
            ("#[cfg_attr(windows, ignore)] fn f() {}", vec!["1: #[ignore]"]),
            ("proptest! { #[ignore] fn f() {} }", vec!["1: #[ignore]"]),
            ("/// #[ignore]\n#[cfg_attr(windows, must_use)] fn ignore() {} // #[ignore]", vec![]),
        ] {
            check_source(APP, source, &expected);
            check_source(TEST, source, &expected);
        }
    }

    #[test]
    fn tests_do_not_sleep() {
        for (source, expected) in [
            ("fn f() { tokio::time::sleep(x).await; }", vec!["1: a call of `sleep`"]),
            ("fn f() { std::thread::sleep(x); }", vec!["1: a call of `sleep`"]),
            (
                "use tokio::time::sleep_until;\nfn f() { sleep_until(x).await; }",
                vec!["2: a call of `sleep_until`"],
            ),
            ("fn sleep() { clock.sleep(x); }", vec![]),
        ] {
            check_source(TEST, source, &expected);
            check_source(APP, source, &[]);
        }
    }

    #[test]
    fn secrets_are_compared_in_constant_time() {
        let found = ["1: a secret compared by `==` or `!=`"].as_slice();
        for (source, expected) in [
            ("fn f() { key.expose_secret() == given }", found),
            ("fn f() { if self.key.expose_secret().as_bytes() != given {} }", found),
            ("fn f() { given == key.expose_secret() }", found),
            ("fn f() { &given[..] != self.settings.key.expose_secret().as_bytes() }", found),
            ("fn f() { assert!(given == (key.expose_secret())) }", found),
            ("fn f() { key.expose_secret().as_bytes().ct_eq(given) }", &[]),
            ("fn f() { let key = key.expose_secret(); a == b }", &[]),
            ("fn f() { a == b && key.expose_secret().is_empty() }", &[]),
            ("fn f() { format!(\"{}\", key.expose_secret()) == other }", &[]),
            ("fn expose_secret() -> bool { a == b } // expose_secret() == x", &[]),
        ] {
            check_source(APP, source, expected);
            check_source(TEST, source, &[]);
        }
    }

    #[test]
    fn only_the_ledger_writes_balances() {
        for (source, expected) in [
            ("const SQL: &str = \"UPDATE wallets SET x = 1\";", vec!["1: a write: `update wallets`"]),
            ("const SQL: &str = r#\"update \"wallets\" set x = 1\"#;", vec!["1: a write: `update wallets`"]),
            (
                "f(\"INSERT INTO \\\n   ledger_entries(a)\");",
                vec!["1: a write: `insert into ledger_entries`"],
            ),
            (
                "f(\"WITH x AS (DELETE FROM\n ledger_entries)\");",
                vec!["1: a write: `delete from ledger_entries`"],
            ),
            (
                "fn f() { wallets::Entity::update_many(); }",
                vec!["1: a write: `wallets::Entity::update_many`"],
            ),
            ("fn f() { entity::wallet::ActiveModel { .. } }", vec!["1: a write: `wallet::ActiveModel`"]),
            ("/// UPDATE wallets SET x\nfn f() { wallets::Entity::find(); } // UPDATE wallets", vec![]),
            (
                "f(\"SELECT x FROM wallets\", \"update wallets_archive\", \"before update on wallets\");",
                vec![],
            ),
            ("#[cfg(test)] mod tests { fn f() { g(\"UPDATE wallets\") } }", vec![]),
            ("#[cfg(test)] mod a; const B: &str = \"UPDATE wallets\";", vec!["1: a write: `update wallets`"]),
        ] {
            check_source(APP, source, &expected);
            check_source("crates/storage/src/accounts.rs", source, &expected);
            for path in ["crates/storage/src/ledger.rs", "crates/storage/src/ledger/hold.rs", TEST] {
                check_source(path, source, &[]);
            }
        }
    }

    #[test]
    fn modules_stand_beside_their_folder() {
        check_source("crates/app/src/generate/mod.rs", "", &["1: a mod.rs"]);
        check_source("crates/app/src/generate/mod_.rs", "", &[]);
    }

    #[test]
    fn what_is_no_rust_is_not_passed_over() {
        check_source(APP, "fn f() {\n    (}", &["2: this is no Rust"]);
    }
}
