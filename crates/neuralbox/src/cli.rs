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
