//! Deliberate breaks: each is done to a copy of the sources, and a test has to turn red. `xtask/breaks.toml` lists them.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

pub(crate) mod list;
mod tree;
mod trial;

use crate::{Result, postgres, test_name::TestName};
use list::Break;
use serde_json::json;
use std::{
    collections::BTreeSet,
    env,
    time::{Duration, Instant},
};
use tree::Tree;
use trial::{Bench, Verdict};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only breaks of this promise; may be given more than once
    #[arg(long, value_name = "NUMBER")]
    promise: Vec<u8>,
    /// Only breaks that tests of this crate notice; may be given more than once
    #[arg(long, value_name = "CRATE")]
    package: Vec<String>,
    /// Only breaks whose name contains this; may be given more than once
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// One JSON object a break, and nothing else
    #[arg(long)]
    json: bool,
    /// Without PostgreSQL; what only that would notice survives then
    #[arg(long)]
    sqlite_only: bool,
    /// Seconds after which tests that do not end count as red
    #[arg(long, default_value_t = 300)]
    patience: u64,
}

impl Options {
    fn wants(&self, one: &Break) -> bool {
        let by_promise = self.promise.is_empty() || self.promise.contains(&one.promise);
        let by_name = self.only.is_empty() || self.only.iter().any(|word| one.name.contains(word.as_str()));
        let by_package =
            self.package.is_empty() || one.tests.iter().any(|test| self.package.contains(&test.package()));
        by_promise && by_name && by_package
    }

    fn say(&self, text: &str) {
        if !self.json {
            println!("{text}");
        }
    }
}

/// What came of one break.
struct Outcome<'a> {
    one: &'a Break,
    verdict: Verdict,
    took: Duration,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let root = tree::root()?;
    let mut breaks: Vec<Break> = list::read(&root)?;
    breaks.retain(|one| options.wants(one));
    if breaks.is_empty() {
        return Err("there is no such break".into());
    }
    // One that changes the same crate as the one before costs the least to build.
    breaks.sort_by_key(|one| {
        (one.tests.iter().map(|test| test.target(&root)).collect::<Vec<_>>(), one.file.clone())
    });
    // Dropped when all have been tried.
    let mut cluster = None;
    let url = match env::var(postgres::URL_VARIABLE).ok().filter(|url| !url.is_empty()) {
        _ if options.sqlite_only => None,
        Some(url) => Some(url),
        None => {
            let own = cluster.insert(postgres::Cluster::start(&postgres::find_or_install()?)?);
            Some(own.url())
        }
    };
    let tree = Tree::copy(&root)?;
    let bench = Bench { tree: &tree, postgres_url: url, patience: Duration::from_secs(options.patience) };
    prove_green(&bench, &breaks, options)?;
    let mut outcomes = Vec::new();
    for one in &breaks {
        let outcome = try_one(&bench, one)?;
        show(&outcome, options);
        outcomes.push(outcome);
    }
    sum_up(&outcomes, options, started)
}

/// A test that is red anyway shows nothing.
fn prove_green(bench: &Bench<'_>, breaks: &[Break], options: &Options) -> Result<()> {
    options.say("The tests, on sources that are whole:");
    let started = Instant::now();
    let tests: BTreeSet<&TestName> = breaks.iter().flat_map(|one| &one.tests).collect();
    match bench.run("whole", &tests)? {
        Verdict::Green { tests } => {
            options.say(&format!("{tests} are green, {} s\n", started.elapsed().as_secs()));
            Ok(())
        }
        other => Err(format!("without any break: {other}").into()),
    }
}

fn try_one<'a>(bench: &Bench<'_>, one: &'a Break) -> Result<Outcome<'a>> {
    let started = Instant::now();
    let broken = bench.tree.damage(one)?;
    let verdict = bench.run(&one.name, &one.tests.iter().collect());
    broken.mend()?;
    Ok(Outcome { one, verdict: verdict?, took: started.elapsed() })
}

fn show(outcome: &Outcome<'_>, options: &Options) {
    let Outcome { one, verdict, took } = outcome;
    let (is_caught, seconds) = (verdict.is_red(), took.as_secs());
    if options.json {
        let line = json!({
            "name": one.name, "promise": one.promise, "what": one.what, "file": one.file,
            "caught": is_caught, "verdict": verdict.to_string(), "red": verdict.red(), "seconds": seconds,
        });
        println!("{line}");
    } else {
        let word = if is_caught { "caught  " } else { "SURVIVED" };
        println!("{word} {:>2} {:<34} {seconds:>4} s  {verdict}", one.promise, one.name);
    }
}

fn sum_up(outcomes: &[Outcome<'_>], options: &Options, started: Instant) -> Result<()> {
    let survived: Vec<_> = outcomes.iter().filter(|outcome| !outcome.verdict.is_red()).collect();
    let (all, minutes) = (outcomes.len(), started.elapsed().as_secs() / 60);
    options.say(&format!("\n{} of {all} breaks turn a test red; {minutes} min", all - survived.len()));
    for outcome in &survived {
        options.say(&format!("  {}: {} ({})", outcome.one.name, outcome.one.what, outcome.verdict));
    }
    match survived.len() {
        0 => Ok(()),
        1 => Err("1 break is not noticed".into()),
        count => Err(format!("{count} breaks are not noticed").into()),
    }
}
