//! Leases by instants, without a server.

use super::{
    lease::Lease,
    outage::OnOutage,
    terms::{LeaseTerms, LoadSample},
};
use crate::{
    clock::Tick,
    concurrency::redis::script::{LeaseGrant, Want},
};

const LENGTH: Tick = 2_000_000;

fn lease(on_outage: OnOutage) -> Lease {
    let terms = LeaseTerms {
        length: LENGTH,
        margin: LENGTH / 10,
        most: 100,
        on_outage,
    };
    Lease::new(terms, 100, None)
}

fn load(in_use: u32, missing: u32) -> LoadSample {
    LoadSample {
        in_use,
        peak: in_use,
        missing,
    }
}

/// Asks for what requests need, and gets up to `most` of it.
fn ask(lease: &mut Lease, now: Tick, load: LoadSample, most: u32) -> u32 {
    let want = lease.plan(now, load, 4).expect("it has to ask");
    let told = Want {
        held: load.in_use,
        want,
    };
    let count = want.min(most);
    lease.grant(now, now + 1_000, told, &granted(count));
    count
}

fn granted(count: u32) -> LeaseGrant {
    LeaseGrant {
        count,
        target: count,
        limit: 100,
        out: count,
        wait: 0,
    }
}

#[test]
fn a_lease_admits_until_a_margin_before_its_end_counted_from_the_call() {
    let mut lease = lease(OnOutage::Closed);
    assert_eq!(lease.usable(1_000, 4).0, 0);
    assert_eq!(ask(&mut lease, 1_000, load(0, 3), 100), 3);
    let ends = 1_000 + LENGTH - LENGTH / 10;
    assert_eq!(lease.usable(ends - 1, 4), (3, ends));
    assert_eq!(lease.usable(ends, 4).0, 0);
    assert!(!lease.lapse(1_000 + LENGTH - 1));
    assert!(lease.lapse(1_000 + LENGTH));
    assert!(!lease.lapse(1_000 + LENGTH), "once for each lease");
}

#[test]
fn it_is_renewed_after_a_third_and_asks_twice_more_if_that_fails() {
    let mut lease = lease(OnOutage::Closed);
    ask(&mut lease, 0, load(0, 3), 100);
    let mut now = 0;
    let mut failures = 0;
    while now < LENGTH - LENGTH / 10 {
        if lease.plan(now, load(3, 0), 4).is_some() {
            lease.fail(now, now);
            failures += 1;
        }
        now = lease.next(now).max(now + 1);
    }
    assert!(failures >= 3, "{failures}");
    assert_eq!(lease.usable(now - 1, 4).0, 3);
}

#[test]
fn too_few_permits_are_asked_for_again_after_a_pause() {
    let mut lease = lease(OnOutage::Closed);
    assert_eq!(ask(&mut lease, 0, load(0, 9), 4), 4);
    assert!(!lease.is_worth_asking(2_000));
    assert_eq!(lease.plan(2_000, load(4, 5), 4), None);
    assert!(lease.is_worth_asking(LENGTH / 10));
    assert!(lease.plan(LENGTH / 10, load(4, 5), 4) >= Some(9));
}

#[test]
fn what_goes_to_others_is_not_used_and_given_back_when_it_is_free() {
    let mut lease = lease(OnOutage::Closed);
    ask(&mut lease, 0, load(0, 10), 100);
    let told = Want { held: 10, want: 10 };
    let grant = LeaseGrant {
        target: 6,
        ..granted(10)
    };
    lease.grant(500_000, 501_000, told, &grant);
    assert_eq!(lease.usable(502_000, 4).0, 6);
    assert_eq!(lease.plan(502_000, load(8, 0), 4), None);
    assert!(lease.plan(503_000, load(6, 0), 4).is_some());
    assert_eq!(lease.usable(504_000, 4).0, 6);
}

#[test]
fn an_idle_lease_goes_back() {
    let mut lease = lease(OnOutage::Closed);
    ask(&mut lease, 0, load(0, 10), 100);
    let mut now = 0;
    let want = loop {
        now = lease.next(now);
        if let Some(want) = lease.plan(now, load(0, 0), 4) {
            break want;
        }
    };
    assert_eq!(want, 0);
    assert!(now < LENGTH / 2, "{now}");
    lease.grant(now, now, Want { held: 0, want: 0 }, &granted(0));
    assert!(lease.is_idle(now));
    assert_eq!(lease.usable(now, 4).0, 0);
}

#[test]
fn in_an_outage_the_share_begins_when_the_leases_of_others_have_ended() {
    let mut lease = lease(OnOutage::LocalShare);
    ask(&mut lease, 0, load(0, 60), 100);
    lease.fail(700_000, 700_000);
    assert_eq!(lease.usable(1_000_000, 4).0, 60, "it is still leased");
    let ends = LENGTH - LENGTH / 10;
    assert_eq!(lease.usable(ends, 4).0, 25);
    assert_eq!(lease.usable(ends, 0).0, 0, "a share of how many?");
    let begins = 700_000 + LENGTH;
    let mut late = self::lease(OnOutage::LocalShare);
    late.fail(700_000, 700_000);
    assert_eq!(late.usable(begins - 1, 4).0, 0, "it had no lease");
    assert_eq!(late.usable(begins, 4).0, 25);
}

#[test]
fn after_an_outage_others_may_still_use_their_shares_for_a_lease() {
    let mut lease = lease(OnOutage::LocalShare);
    lease.fail(100_000, 100_000);
    let back = 100_000 + 2 * LENGTH;
    assert_eq!(ask(&mut lease, back, load(20, 40), 100), 25);
    let soon = back + LENGTH / 3;
    assert_eq!(ask(&mut lease, soon, load(25, 40), 100), 25);
    let after = back + 1_000 + LENGTH;
    assert!(ask(&mut lease, after, load(25, 40), 100) >= 65);
}

#[test]
fn the_lease_of_requests_ends_if_the_server_has_lost_it() {
    let mut lease = lease(OnOutage::Closed);
    ask(&mut lease, 0, load(0, 10), 100);
    let told = Want { held: 10, want: 10 };
    assert_eq!(lease.grant(700_000, 701_000, told, &granted(7)), 3);
    assert_eq!(lease.grant(800_000, 801_000, told, &granted(7)), 0);
}
