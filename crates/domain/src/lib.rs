//! NeuralBox without the outside world: what is sold, what it costs, and the rules by which tokens move.
//!
//! Nothing here does IO, knows HTTP or SQL, waits, reads a clock or uses a float. What the outside world
//! must provide stands in [`port`].

pub mod billing;
pub mod catalog;
pub mod id;
pub mod ledger;
pub mod media;
pub mod params;
pub mod plan;
pub mod port;
pub mod pricing;
pub mod text;
pub mod time;
pub mod webhook;
