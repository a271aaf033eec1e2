//! Years of many accounts: people who buy, change their minds, pay late, twice or never, and spend; payment services that
//! fail and tell lies; workers that race each other and die anywhere. At the end, and now and then on the way, everything is
//! held against what must have happened by the services' own books (`check`), which knows nothing of the app's decisions.
//!
//! `cargo xtask billing-years` runs it at length. A seed gives each person's wishes, the faults, the places where workers
//! die, and the clock. What the seed does not give is who of several tasks at once comes first, so a run that failed may
//! need a few repeats: services strike their faults in the order of requests, and a worker's death is counted in polls.

mod books;
mod calendar;
mod check;
pub(crate) mod crash;
mod diary;
mod life;
mod payer;
mod plan;
mod rows;
mod world;

use plan::Plan;
use testkit::TestDatabase;
use world::World;

testkit::on_each_database!(years_of_accounts_come_out_right);

async fn years_of_accounts_come_out_right(database: TestDatabase) {
    World::new(Plan::from_env(), database).await.live().await;
}
