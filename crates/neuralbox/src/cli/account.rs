//! The command line about accounts and their keys.

use clap::{Args, Subcommand};

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
    /// Show an account: its state, plan, tokens, subscription, keys and last payments
    Find {
        #[command(flatten)]
        name: AccountName,
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
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take permanent tokens that are free: none in holds, and none of a plan
    Take {
        #[command(flatten)]
        account: AccountRef,
        /// How many NeuralBox tokens
        #[arg(long)]
        tokens: i64,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let nothing be done with an account, its keys and sign-ins included, until `account resume`
    Suspend {
        #[command(flatten)]
        account: AccountRef,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take `account suspend` back
    Resume {
        #[command(flatten)]
        account: AccountRef,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Set the password that an account's owner signs in by, from standard input; its sign-ins end
    Password {
        #[command(flatten)]
        account: AccountRef,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End all of an account's sign-ins; its keys stay
    EndSessions {
        #[command(flatten)]
        account: AccountRef,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Erase the person behind an account, for good; movements of tokens and money stay, as nobody's
    Erase {
        #[command(flatten)]
        account: AccountRef,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Do it: it cannot be taken back
        #[arg(long)]
        yes: bool,
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

/// An account that is looked for.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct AccountName {
    /// The account's id
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<i64>,
    /// The account's e-mail address
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The first 10 characters of one of its keys
    #[arg(long, value_name = "PREFIX")]
    pub(crate) key: Option<String>,
}
