use super::Breaker;
use domain::port::ProviderErrorKind::{self, *};
use std::time::Duration;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);
const OPEN: Duration = Duration::from_secs(15);

/// Makes calls one after the other, a millisecond each, and gives how long the next one would be refused.
fn after(
    breaker: &Breaker,
    outcomes: &[Result<(), ProviderErrorKind>],
    now: &mut Instant,
) -> Option<Duration> {
    for outcome in outcomes {
        let pass = breaker.admit(*now).unwrap();
        *now += MS;
        pass.tell(*outcome, *now);
    }
    breaker.refuses_for(*now)
}

fn check(outcomes: &[Result<(), ProviderErrorKind>], opens: bool) {
    let refused_for = after(&Breaker::new("acme", 3, OPEN), outcomes, &mut Instant::now());
    assert_eq!(refused_for, opens.then_some(OPEN), "{outcomes:?}");
}

#[test]
fn a_run_of_failures_opens_it() {
    check(&[], false);
    check(&[Err(Overloaded); 2], false);
    check(&[Err(Overloaded); 3], true);
    check(&[Err(Overloaded), Err(Timeout), Err(StreamCut)], true);
    check(&[Err(BadKey), Err(QuotaExhausted), Err(BadKey)], true);
    // A wrong key says nothing about the vendor being there, and the other way round.
    check(&[Err(Overloaded), Err(Overloaded), Err(BadKey), Err(BadKey)], false);
    for answer in [Ok(()), Err(RateLimited), Err(ContentRefused), Err(RejectedRequest), Err(BadResponse)] {
        check(&[Err(Timeout), Err(Timeout), answer, Err(Timeout), Err(Timeout)], false);
        check(&[answer; 5], false);
    }
    check(&[Err(JobFailed); 5], false);
    // Our own trouble is no word of the vendor's: neither one failure more, nor the end of a run.
    check(&[Err(Local); 5], false);
    check(&[Err(Timeout), Err(Timeout), Err(Local), Err(Timeout)], true);
}

#[test]
fn failures_far_apart_are_no_run() {
    let (breaker, mut now) = (Breaker::new("acme", 3, OPEN), Instant::now());
    assert_eq!(after(&breaker, &[Err(Timeout), Err(Timeout)], &mut now), None);
    now += Duration::from_secs(61);
    assert_eq!(after(&breaker, &[Err(Timeout), Err(Timeout)], &mut now), None);
    assert_eq!(after(&breaker, &[Err(Timeout)], &mut now), Some(OPEN));
}

#[test]
fn zero_failures_never_open_it() {
    assert_eq!(after(&Breaker::new("acme", 0, OPEN), &[Err(Overloaded); 50], &mut Instant::now()), None);
}

/// A breaker that has just opened, and when.
fn opened() -> (Breaker, Instant) {
    let (breaker, mut now) = (Breaker::new("acme", 3, OPEN), Instant::now());
    after(&breaker, &[Err(Overloaded); 3], &mut now);
    (breaker, now)
}

#[test]
fn while_it_is_open_it_says_how_long() {
    let (breaker, now) = opened();
    assert_eq!(breaker.admit(now).unwrap_err(), OPEN);
    assert_eq!(breaker.admit(now + OPEN - MS).unwrap_err(), MS);
    assert_eq!(breaker.refuses_for(now + OPEN), None);
}

#[test]
fn then_one_call_tries() {
    let (breaker, now) = opened();
    let later = now + OPEN;
    let trial = breaker.admit(later).unwrap();
    assert!(breaker.admit(later).is_err());
    assert!(breaker.refuses_for(later).is_some());
    trial.tell(Err(Timeout), later);
    assert_eq!(breaker.refuses_for(later), Some(OPEN));

    let mut later = later + OPEN;
    breaker.admit(later).unwrap().tell(Ok(()), later);
    // It begins from nothing.
    assert_eq!(after(&breaker, &[Err(Timeout); 2], &mut later), None);
}

#[test]
fn a_trial_that_is_given_up_leaves_it_to_the_next() {
    let (breaker, now) = opened();
    let later = now + OPEN;
    drop(breaker.admit(later).unwrap());
    breaker.admit(later).unwrap().tell(Err(RateLimited), later);
    assert_eq!(breaker.refuses_for(later), None);
}

#[test]
fn calls_from_before_count_when_they_succeed() {
    let (breaker, mut now) = (Breaker::new("acme", 3, OPEN), Instant::now());
    let (slow, slower) = (breaker.admit(now).unwrap(), breaker.admit(now).unwrap());
    after(&breaker, &[Err(Overloaded); 3], &mut now);
    slow.tell(Err(Timeout), now + MS);
    assert_eq!(breaker.refuses_for(now), Some(OPEN));
    slower.tell(Ok(()), now + MS);
    assert_eq!(breaker.refuses_for(now), None);
}
