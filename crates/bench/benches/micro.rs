//! What one request needs of single functions. `cargo xtask bench micro` runs it.
#![expect(clippy::expect_used, reason = "what cannot be set up cannot be measured")]

#[path = "micro/authentication.rs"]
mod authentication;
#[path = "micro/decoding.rs"]
mod decoding;
#[path = "micro/pricing.rs"]
mod pricing;

fn main() {
    divan::main();
}
