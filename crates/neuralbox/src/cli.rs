//! The command line.

mod account;
mod generation;

pub(crate) use account::{AccountCommand, AccountName, AccountRef, KeyCommand};
pub(crate) use generation::GenerationCommand;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Sells access to AI models through one API, billed in NeuralBox tokens.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Settings: defaults, then --config FILE (TOML), then environment variables
such as NEURALBOX__DATABASE__URL. See docs/configuration.md."
)]
pub(crate) struct Cli {
    /// A TOML file of settings
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Who you are, for the audit trail; else NEURALBOX_OPERATOR, or your name on this machine
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) operator: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the main job over real HTTP: no setup, no keys, no servers; then keep serving
    Demo {
        /// End after the walk; exit status 0 only if every step held
        #[arg(long)]
        once: bool,
    },
    /// Serve the API, and run the worker inside
    Serve {
        /// Answer from the built-in sandbox instead of real vendors
        #[arg(long)]
        sandbox: bool,
        /// Leave the worker to other processes
        #[arg(long)]
        no_worker: bool,
    },
    /// Run the worker alone; any number of them may
    Worker {
        /// Do what is due now, and end
        #[arg(long)]
        once: bool,
        /// Do what is due at this time (RFC 3339), for rehearsal on a copy of a database, and end
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
    },
    /// Bring the database's schema to this version
    Migrate {
        /// Have the database take the auth.secret that is set now for the right one; all processes must be stopped
        #[arg(long)]
        new_secret: bool,
    },
    /// Call a vendor directly, with your key: no account, no database, nothing held
    Try(TryArguments),
    /// Name everything that would fail a user
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look after what was paid
    Billing {
        #[command(subcommand)]
        command: BillingCommand,
    },
    /// Look after payments and refunds
    Payments {
        #[command(subcommand)]
        command: PaymentsCommand,
    },
    /// Look after the ledger
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Look after accounts
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Look after API keys
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Look after generations
    Generation {
        #[command(subcommand)]
        command: GenerationCommand,
    },
    /// Show what operators have done, newest first
    Audit {
        /// Only with the account of this id
        #[arg(long, value_name = "ID")]
        account: Option<i64>,
        /// From this day (UTC) or time (RFC 3339) on
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// To just before this day or time
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// One call of one model. What its vendor charges for it is real, except with --sandbox.
#[derive(Args, Debug)]
pub(crate) struct TryArguments {
    /// The model's slug
    #[arg(value_name = "SLUG")]
    pub(crate) slug: String,
    /// A parameter; its value counts as JSON where it is that, else as text
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
    /// The words: `prompt`, or `text` for a model that has that
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// A file that goes in, by the parameter that names it (`audio` for speech to text)
    #[arg(long = "file", value_name = "FIELD=PATH", value_parser = pair)]
    pub(crate) files: Vec<(String, String)>,
    /// Where the result goes; else a file goes into a new folder under the system's temporary one
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Ask the built-in sandbox instead of the vendor
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Print one JSON document at the end
    #[arg(long)]
    pub(crate) json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Subcommand)]
pub(crate) enum BillingCommand {
    /// Say what was sold, spent and earned, and what is owed; exit status 0 only if the books agree
    Report {
        /// The first day (UTC), or instant (RFC 3339)
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The first day or instant that no longer counts
        #[arg(long, value_name = "TIME")]
        to: String,
        /// What a dollar of vendors' bills costs, in kopecks; else what the catalog says
        #[arg(long, value_name = "N")]
        kopecks_per_usd: Option<i64>,
        /// Print JSON
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// Print CSV, a line for each number
        #[arg(long)]
        csv: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PaymentsCommand {
    /// List payments, newest first
    List {
        /// Of the account with this id
        #[arg(long, value_name = "ID", conflicts_with = "email")]
        account: Option<i64>,
        /// Of the account with this e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Only what waits for a person: payments, refunds and subscriptions
        #[arg(long)]
        attention: bool,
        /// How many at most
        #[arg(long, default_value_t = 100, conflicts_with = "attention")]
        limit: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a payment with its refunds, its subscription and the names it is found by
    Show {
        /// The payment's id
        id: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give back what a payment's unused tokens are worth, and take them
    Refund {
        /// The payment's id
        id: i64,
        /// Why; goes into the books and to the payment service
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Only say what would go back
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare the payment services' books with ours; exit status 0 only if nothing is left open
    Reconcile {
        /// From this day or time on (RFC 3339); two days before the end where it is not said
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// To just before this day or time; now where it is not said
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Put right what can be; without it nothing is changed
        #[arg(long)]
        apply: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that a person has looked at what waited for one, and that it may go on
    Resolve {
        /// The id of a payment, refund or subscription, from `payments list --attention`
        id: i64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Replay every entry; exit status 0 only if every wallet agrees
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
