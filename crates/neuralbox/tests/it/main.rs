//! The binary as its operator sees it: a process with arguments, settings, output and an exit status.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod attempt;
mod clients;
mod commands;
mod crash;
mod crowd;
mod demo;
#[cfg(target_os = "linux")]
mod disk_full;
mod doctor;
mod installation;
mod openai_clients;
mod openapi;
mod operators;
mod payments;
mod restart;
mod secrets;
mod serve;
mod settings;
mod traces;
mod worker;
