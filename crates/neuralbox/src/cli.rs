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
