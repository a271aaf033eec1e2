//! Which crate may depend on which. Only dependencies of the shipped code count: tests may use what they like.

use super::{Dependency, Package, Violation};

const ARROWS: &str = "arrows point down only; crates and arrows are listed in xtask/src/tidy/edges.rs";

/// Each crate, and the crates of ours that it may depend on.
const HOUSE: [(&str, &[&str]); 14] = [
    (
        "neuralbox",
        &["api", "billing-worker", "app", "storage", "providers", "payments", "sandbox", "media", "domain"],
    ),
    ("api", &["app", "domain"]),
    ("billing-worker", &["app", "domain"]),
    ("app", &["storage", "media", "domain"]),
    ("storage", &["domain", "migrations"]),
    ("providers", &["domain"]),
    ("payments", &["domain"]),
    ("sandbox", &["domain"]),
    ("media", &[]),
    ("domain", &[]),
    ("migrations", &[]),
    (
        "testkit",
        &[
            "api",
            "billing-worker",
            "app",
            "storage",
            "media",
            "providers",
            "payments",
            "sandbox",
            "domain",
            "migrations",
        ],
    ),
    // For those who work on the rest, like testkit; nobody depends on it.
    ("bench", &["storage", "domain"]),
    ("xtask", &[]),
];

/// Crates from outside that only some of ours may depend on, and why.
const RESERVED: [(&str, &[&str], &str); 4] = [
    ("sea-orm", DATABASE_CRATES, "SQL stands in storage and migrations only"),
    ("sea-orm-migration", DATABASE_CRATES, "SQL stands in storage and migrations only"),
    ("sqlx", DATABASE_CRATES, "SQL stands in storage and migrations only"),
    // Storage reaches its file store by it, and the sandbox plays the vendor that calls back.
    (
        "reqwest",
        &["providers", "payments", "storage", "sandbox", "neuralbox", "testkit"],
        "vendors are called by providers only, payment services by payments",
    ),
];
const DATABASE_CRATES: &[&str] = &["storage", "migrations", "testkit", "bench"];

/// What the domain crate has no business with, besides what [`RESERVED`] keeps from it.
const IMPURE: [&str; 4] = ["tokio", "axum", "hyper", "futures-util"];

/// Checks one package's folder and dependencies; `manifest` is the text of its `Cargo.toml`, at `path`.
pub(super) fn check(package: &Package, all: &[Package], path: &str, manifest: &str) -> Vec<Violation> {
    let folder = package.manifest_path.parent().and_then(|folder| folder.file_name());
    let mut broken = Vec::new();
    if folder.is_none_or(|folder| folder != package.name.as_str()) {
        let what = format!("package `{}` does not bear its folder's name", package.name);
        broken.push(("name", what, "a crate is found by its name"));
    }
    let allowed = HOUSE.iter().find(|(name, _)| *name == package.name).map(|(_, allowed)| *allowed);
    if allowed.is_none() {
        broken.push(("name", format!("crate `{}` has no place in the house yet", package.name), ARROWS));
    }
    let shipped = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
    for Dependency { name, .. } in shipped {
        let is_ours = all.iter().any(|package| package.name == *name);
        if let Some(why) = refusal(&package.name, name, is_ours, allowed.unwrap_or_default()) {
            broken.push((name.as_str(), format!("`{}` must not depend on `{name}`", package.name), why));
        }
    }
    let violation = |(key, what, why): (&str, String, _)| Violation {
        path: path.to_owned(),
        line: line_of(key, manifest),
        what,
        why,
    };
    broken.into_iter().map(violation).collect()
}

/// Why `from` must not depend on `to`; `None` when it may.
fn refusal(from: &str, to: &str, is_ours: bool, allowed: &[&str]) -> Option<&'static str> {
    if is_ours {
        return match to {
            _ if allowed.contains(&to) => None,
            "testkit" => Some("testkit is for tests: a dev-dependency only"),
            _ => Some(ARROWS),
        };
    }
    if from == "domain" && IMPURE.contains(&to) {
        return Some("domain is pure: no IO, no async runtime");
    }
    let (_, _, why) = RESERVED.iter().find(|(name, users, _)| *name == to && !users.contains(&from))?;
    Some(why)
}

/// The first line that sets `key` (`key = …`, `key.workspace = …`), counted from 1; 1 when there is none.
fn line_of(key: &str, manifest: &str) -> usize {
    let sets_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    manifest.lines().position(sets_key).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package in a folder of its name, whose manifest is `[dependencies]` and a line a dependency.
    fn violations(name: &str, folder: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<String> {
        let package = |name: &str, folder: &str, dependencies: &[(&str, Option<&str>)]| Package {
            name: name.to_owned(),
            manifest_path: format!("/house/{folder}/Cargo.toml").into(),
            dependencies: (dependencies.iter())
                .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) })
                .collect(),
        };
        let all: Vec<_> = HOUSE.iter().map(|(name, _)| package(name, name, &[])).collect();
        let lines = dependencies.iter().map(|(name, _)| format!("{name}.workspace = true\n"));
        let manifest = format!("name = \"{name}\"\n[dependencies]\n{}", lines.collect::<String>());
        let found = check(&package(name, folder, dependencies), &all, "Cargo.toml", &manifest);
        found.iter().map(|violation| format!("{}: {}", violation.line, violation.what)).collect()
    }

    fn check_one(name: &str, dependency: &str, kind: Option<&str>, is_allowed: bool) {
        let expected =
            if is_allowed { vec![] } else { vec![format!("3: `{name}` must not depend on `{dependency}`")] };
        assert_eq!(
            violations(name, name, &[(dependency, kind)]),
            expected,
            "{name} -> {dependency} ({kind:?})"
        );
    }

    #[test]
    fn arrows_point_down() {
        for (name, dependency, is_allowed) in [
            ("neuralbox", "api", true),
            ("neuralbox", "sandbox", true),
            ("neuralbox", "migrations", false),
            ("api", "app", true),
            ("api", "storage", false),
            ("api", "neuralbox", false),
            ("app", "storage", true),
            ("app", "providers", false),
            ("app", "payments", false),
            ("payments", "providers", false),
            ("storage", "migrations", true),
            ("migrations", "storage", false),
            ("domain", "migrations", false),
            ("testkit", "storage", true),
            ("testkit", "neuralbox", false),
            ("app", "testkit", false),
            ("xtask", "domain", false),
        ] {
            check_one(name, dependency, None, is_allowed);
            check_one(name, dependency, Some("build"), is_allowed);
            check_one(name, dependency, Some("dev"), true);
        }
    }

    #[test]
    fn crates_from_outside_have_their_place() {
        for (name, dependency, is_allowed) in [
            ("domain", "serde", true),
            ("domain", "tokio", false),
            ("domain", "axum", false),
            ("domain", "hyper", false),
            ("domain", "futures-util", false),
            ("domain", "reqwest", false),
            ("domain", "sea-orm", false),
            ("storage", "sea-orm", true),
            ("migrations", "sea-orm-migration", true),
            ("testkit", "sqlx", true),
            ("app", "sea-orm", false),
            ("app", "sqlx", false),
            ("providers", "reqwest", true),
            ("payments", "reqwest", true),
            ("neuralbox", "reqwest", true),
            ("sandbox", "reqwest", true),
            ("api", "reqwest", false),
        ] {
            check_one(name, dependency, None, is_allowed);
            check_one(name, dependency, Some("dev"), true);
        }
    }

    #[test]
    fn a_crate_has_a_row_and_its_folders_name() {
        assert_eq!(violations("api", "http", &[]), ["1: package `api` does not bear its folder's name"]);
        assert_eq!(
            violations("metrics", "metrics", &[]),
            ["1: crate `metrics` has no place in the house yet"]
        );
    }
}
