//! What is done, drawn by lot.

mod accounts;
mod generations;
mod money;

use super::driver::Simulation;
use rand::RngExt;

/// What there is to do, and how often it is chosen.
const ACTS: &[(&str, u32)] = &[
    ("generate", 240),
    ("let a vendor answer", 70),
    ("let a job end", 50),
    ("change a vendor's health", 10),
    ("cancel a generation", 40),
    ("pass time", 100),
    ("work", 50),
    ("recover", 15),
    ("restart", 10),
    ("open an account", 12),
    ("give tokens", 25),
    ("take tokens", 15),
    ("give a charge back", 25),
    ("read", 30),
    ("order a package", 40),
    ("order a plan", 60),
    ("pay", 90),
    ("leave a payment", 6),
    ("hear of money", 95),
    ("cancel a subscription", 22),
    ("resume a subscription", 12),
    ("refund a payment", 30),
    ("charge back", 10),
    ("empty a purse", 14),
];

impl Simulation {
    /// What comes next.
    pub fn choose(&mut self) -> &'static str {
        let all: u32 = ACTS.iter().map(|(_, weight)| weight).sum();
        let mut roll = self.rng.random_range(0..all);
        for (act, weight) in ACTS {
            if roll < *weight {
                return act;
            }
            roll -= weight;
        }
        "read"
    }

    pub fn perform(&mut self, act: &str) {
        match act {
            "generate" => self.generate(),
            "let a vendor answer" => self.answer(),
            "let a job end" => self.end_job(),
            "change a vendor's health" => {
                let is_down = self.rng.random_bool(0.5);
                self.world.vendor.set_down(is_down);
            }
            "cancel a generation" => self.cancel_generation(),
            "pass time" => self.pass_time(),
            "work" => drop(self.work()),
            "recover" => drop(self.recover()),
            "restart" => self.restart(),
            "open an account" => self.open_account(),
            "give tokens" => self.give_tokens(),
            "take tokens" => self.take_tokens(),
            "give a charge back" => self.give_charge_back(),
            "order a package" => self.order_package(),
            "order a plan" => self.order_plan(),
            "pay" => self.pay(),
            "leave a payment" => self.leave_payment(),
            "hear of money" => self.hear(),
            "cancel a subscription" => self.change_subscription(true),
            "resume a subscription" => self.change_subscription(false),
            "refund a payment" => self.refund_payment(),
            "charge back" => self.charge_back(),
            "empty a purse" => self.empty_purse(),
            _ => self.read(),
        }
    }

    /// Some account.
    pub fn pick_account(&mut self) -> i64 {
        let place = self.rng.random_range(0..self.model.accounts.len());
        *self.model.accounts.keys().nth(place).unwrap()
    }

    /// One of these; `None` when there are none.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        let place = self.rng.random_range(0..from.len());
        Some(from[place].clone())
    }
}
