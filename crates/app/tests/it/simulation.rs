//! A simulation of everything at once, from one seed: the use-cases over a real database, with a clock, vendors, a payment
//! service and clients that are played, and processes that die at named points, before and after each commit it comes by. One thing is
//! done at a time; races are tried elsewhere. After each step what the database has is held against `model`, which knows
//! what was promised and nothing of the code.
//!
//! `cargo xtask simulate` runs it at length. Everything follows from the seed, so a failure repeats.

mod acts;
mod driver;
mod model;
mod plan;
mod points;
mod process;
mod report;
mod rows;
mod till;
mod vendor;

use driver::Simulation;
use plan::Plan;
use testkit::Backend;

fn simulate(backend: Backend) {
    if let Some(mut simulation) = Simulation::new(Plan::from_env(), backend) {
        simulation.run();
    }
}

mod sqlite {
    #[test]
    fn everything_is_as_promised() {
        super::simulate(testkit::Backend::Sqlite);
    }

    /// What a failure says can be relied on.
    #[test]
    fn a_seed_gives_the_same_run_again() {
        let run = || {
            let plan =
                super::Plan { steps: 120, is_whole: false, is_watched: false, ..super::Plan::from_env() };
            super::Simulation::new(plan, testkit::Backend::Sqlite).map(|mut simulation| simulation.live())
        };
        assert_eq!(run(), run());
    }
}

mod postgres {
    #[test]
    fn everything_is_as_promised() {
        super::simulate(testkit::Backend::Postgres);
    }
}
