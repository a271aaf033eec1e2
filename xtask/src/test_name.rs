//! A test by the file it stands in and its name, as `crates/storage/tests/it/guards.rs::the_database_refuses`.

use std::{fs, path::Path};

/// A test that somebody names: documentation, or the list of deliberate breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestName {
    file: String,
    name: String,
}

impl TestName {
    /// Reads a path below the workspace's root and a function's name, with `::` between them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (file, name) = text.split_once(".rs::")?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_path = file.starts_with("crates/") || file.starts_with("xtask/");
        (is_name && is_path).then(|| Self { file: format!("{file}.rs"), name: name.to_owned() })
    }

    /// Whether a function of that name stands in that file.
    pub(crate) fn exists(&self, root: &Path) -> bool {
        let start = format!("fn {}(", self.name);
        fs::read_to_string(root.join(&self.file)).is_ok_and(|text| text.contains(&start))
    }

    /// What libtest's own name of it contains.
    pub(crate) fn filter(&self) -> &str {
        &self.name
    }

    /// The crate that it is in.
    pub(crate) fn package(&self) -> String {
        let below = self.file.strip_prefix("crates/").unwrap_or(&self.file);
        below.split('/').next().unwrap_or_default().to_owned()
    }

    /// Which of a package's test programs it is in, as arguments of `cargo test`.
    pub(crate) fn target(&self, root: &Path) -> Vec<String> {
        let package = self.package();
        let is_library = root.join("crates").join(&package).join("src/lib.rs").exists();
        let target: &[&str] = match () {
            () if self.file.contains("/tests/it/") => &["--test", "it"],
            () if is_library => &["--lib"],
            () => &["--bins"],
        };
        ["-p", &package].iter().chain(target).map(|arg| (*arg).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_program() {
        for (text, filter, target) in [
            ("crates/api/tests/it/billing/stars.rs::it_works", "it_works", "-p api --test it"),
            ("crates/nowhere/src/a.rs::it_works", "it_works", "-p nowhere --bins"),
            ("xtask/src/a.rs::it_works", "it_works", "-p xtask --bins"),
        ] {
            let name = TestName::parse(text).unwrap();
            assert_eq!((name.filter(), name.target(Path::new("/")).join(" ").as_str()), (filter, target));
            assert!(!name.exists(Path::new("/nowhere")));
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["crates/api/tests/it/a.rs", "a.rs::b", "crates/a.rs::", "crates/a.rs::b c", "storage::b"]
        {
            assert_eq!(TestName::parse(text), None, "{text}");
        }
    }
}
