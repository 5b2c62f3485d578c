//! What `lua/permits.lua` does, in Rust: one limit of a fleet.

use std::collections::BTreeMap;

use sluicegate::clock::Tick;

/// For how many lengths permits are kept while there are more claimants than
/// permits.
const TURN: u64 = 4;

/// A call by one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sync {
    pub(crate) instance: u8,
    pub(crate) limit: u64,
    pub(crate) length: Tick,
    pub(crate) call: u64,
    pub(crate) held: u64,
    pub(crate) want: u64,
}

/// The reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: i64,
    pub(crate) count: u64,
    pub(crate) target: u64,
    pub(crate) limit: u64,
    pub(crate) out: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lease {
    count: u64,
    ends: Tick,
    length: Tick,
    call: u64,
    want: u64,
    since: Tick,
}

/// The leases that have not ended, and the limit in force.
#[derive(Clone, Debug)]
pub(crate) struct Twin {
    leases: BTreeMap<u8, Lease>,
    /// When it was changed last.
    at: Tick,
    /// Not after the first end of a lease.
    next: Tick,
    limit: u64,
    agreed: Tick,
}

impl Twin {
    pub(crate) fn sync(&mut self, now: Tick, sync: &Sync) -> Reply {
        self.begin(now, sync.length);
        let own = self.leases.get(&sync.instance).copied();
        let lease = own.unwrap_or(Lease {
            since: now,
            ..Lease::default()
        });
        if sync.call <= lease.call {
            return self.reply(0, lease.count, lease.count);
        }
        if sync.limit <= self.limit || now >= self.agreed {
            (self.limit, self.agreed) = (sync.limit, now + sync.length);
        }
        let (count, target) = self.share(now, sync, &lease);
        self.save(now, sync, lease, count);
        self.reply(1, count, target)
    }

    /// The sum of all permits that are leased.
    pub(crate) fn out(&self) -> u64 {
        self.leases.values().map(|lease| lease.count).sum()
    }

    /// Ends the leases whose end has come.
    fn begin(&mut self, now: Tick, length: Tick) {
        if now >= self.at && now < self.next {
            return;
        }
        if now < self.at {
            self.agreed = self.agreed.min(now + length);
        }
        self.at = now;
        self.leases.retain(|_, lease| now < lease.ends);
        for lease in self.leases.values_mut() {
            lease.ends = lease.ends.min(now + lease.length);
        }
        let ends = self.leases.values().map(|lease| lease.ends);
        self.next = ends.min().unwrap_or(Tick::MAX);
    }

    fn share(&self, now: Tick, sync: &Sync, lease: &Lease) -> (u64, u64) {
        let want = sync.want.max(sync.held);
        let others = self.out() - lease.count;
        let other_wants: u64 = self.leases.values().map(|lease| lease.want).sum();
        let lacking = other_wants - lease.want - others;
        let others_claim = self.leases.keys().filter(|id| **id != sync.instance);
        let claimants = others_claim.count() as u64 + 1;
        let fair = self.limit.div_ceil(claimants);
        let kept = lease.count.min(sync.held);
        let mut count = want.min(self.limit.saturating_sub(others));
        if lacking > 0 {
            count = count.min(fair.max(kept));
        }
        count = count.max(kept);
        let (mut target, out) = (count, others + count);
        if lacking > 0 {
            let had = now.saturating_sub(lease.since);
            let is_due = claimants > self.limit && had >= TURN * sync.length;
            let least = if is_due { 0 } else { fair.min(count) };
            target = least.max(count.saturating_sub(lacking));
        }
        if out > self.limit {
            target = target.min(count * self.limit / out);
        }
        (count, target)
    }

    fn save(&mut self, now: Tick, sync: &Sync, lease: Lease, count: u64) {
        self.at = now;
        let want = sync.want.max(sync.held);
        let is_new = count == 0 || lease.count == 0;
        let lease = Lease {
            count,
            ends: now + sync.length,
            length: sync.length,
            call: sync.call,
            want,
            since: if is_new { now } else { lease.since },
        };
        match want {
            0 => {
                self.leases.remove(&sync.instance);
            }
            _ => {
                self.next = self.next.min(lease.ends);
                self.leases.insert(sync.instance, lease);
            }
        }
    }

    fn reply(&self, status: i64, count: u64, target: u64) -> Reply {
        let (limit, out) = (self.limit, self.out());
        Reply {
            status,
            count,
            target,
            limit,
            out,
        }
    }
}

/// A limit that no instance has asked for yet.
impl Default for Twin {
    fn default() -> Self {
        Self {
            leases: BTreeMap::new(),
            at: 0,
            next: Tick::MAX,
            limit: 0,
            agreed: 0,
        }
    }
}
