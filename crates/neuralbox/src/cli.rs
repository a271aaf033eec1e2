//! The command line.

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
        /// Do what is due at this time (RFC 3339), for rehearsal on a copy of a database
        #[arg(long, value_name = "TIME", requires = "once")]
        as_of: Option<String>,
    },
    /// Bring the database's schema to this version
    Migrate,
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

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Open an account with its first cycle and its first key
    Create {
        /// Its e-mail address
        #[arg(long)]
        email: String,
        /// Its plan: free, basic, pro, vip or elite
        #[arg(long)]
        plan: String,
        /// Permanent NeuralBox tokens on top of the plan's
        #[arg(long, default_value_t = 0)]
        tokens: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give an account permanent tokens
    Grant {
        #[command(flatten)]
        account: AccountRef,
        /// How many NeuralBox tokens
        #[arg(long)]
        tokens: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown this once
    Create {
        #[command(flatten)]
        account: AccountRef,
        /// What to call it
        #[arg(long, default_value = "default")]
        name: String,
        /// NeuralBox tokens that it may use in a calendar month (UTC); else any number
        #[arg(long, value_name = "N")]
        monthly_budget: Option<i64>,
        /// The day (UTC) or time (RFC 3339) from which it is no longer valid; else it is until it is revoked
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List an account's keys
    List {
        #[command(flatten)]
        account: AccountRef,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key for good; every node refuses it within 5 s
    Revoke {
        #[command(flatten)]
        account: AccountRef,
        /// The key's id, from `key list`
        #[arg(long, value_name = "ID")]
        key: i64,
    },
}

/// An account, named one way or the other.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct AccountRef {
    /// The account's id
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<i64>,
    /// The account's e-mail address
    #[arg(long)]
    pub(crate) email: Option<String>,
}
