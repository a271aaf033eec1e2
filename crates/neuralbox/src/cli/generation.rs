//! The command line about generations.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum GenerationCommand {
    /// Show a generation: its state, what it cost and what became of that; not its words
    Show {
        /// The generation's id
        id: i64,
        /// The id of its account, which makes it quicker to find
        #[arg(long, value_name = "ID")]
        account: Option<i64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give back, once, what a completed generation has cost
    Refund {
        /// The generation's id
        id: i64,
        /// The id of its account, which makes it quicker to find
        #[arg(long, value_name = "ID")]
        account: Option<i64>,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
