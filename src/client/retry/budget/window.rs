//! The rule of a budget: counts of requests and retries in slots of time, and a
//! balance. It repeats nothing of clocks and locks.
//!
//! Its twin is `lua/retry_budget.lua`.

/// How many slots a window has.
pub(super) const SLOTS: u64 = 20;

/// The units of a balance that a retry costs. A request deposits as many as the
/// budget has percent.
const RETRY_COST: u64 = 100;

/// The numbers of a budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct BudgetRule {
    /// How many retries there may be for 100 requests.
    pub(super) percent: u64,
    /// How many retries there may be in a window whatever the requests.
    pub(super) minimum: u64,
    /// How many retries may be saved up.
    pub(super) reserve: u64,
}

/// The counts of one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The number of the slot since the origin of the clock.
    number: u64,
    requests: u64,
    retries: u64,
    /// The requests that a fleet was not told of.
    unsent: u64,
}

/// The state of a budget.
#[derive(Debug)]
pub(super) struct Window {
    rule: BudgetRule,
    /// One more than a window has, because retries are counted a slot longer.
    slots: [Slot; SLOTS as usize + 1],
    /// The units that requests have deposited and retries have not used.
    balance: u64,
    /// Retries that are reserved, and neither sent nor given back.
    pending: u64,
    /// The newest slot that was used, so that a late thread changes no older one.
    newest: u64,
}

impl Window {
    pub(super) fn new(rule: BudgetRule) -> Self {
        Self {
            rule,
            slots: Default::default(),
            balance: 0,
            pending: 0,
            newest: 0,
        }
    }

    /// Counts requests.
    pub(super) fn add_requests(&mut self, number: u64, requests: u64) {
        let slot = self.slot(number);
        slot.requests += requests;
        slot.unsent += requests;
        let deposit = requests.saturating_mul(self.rule.percent);
        self.put(deposit);
    }

    /// Reserves a retry. Returns the units that it took of the
    /// balance, or `None` if the
    /// budget is used up.
    pub(super) fn reserve(&mut self, number: u64) -> Option<u64> {
        let is_minimum = self.retries(number) + self.pending < self.rule.minimum;
        let fits = self.balance >= RETRY_COST && self.has_room(number);
        (is_minimum || fits).then(|| {
            let taken = self.balance.min(RETRY_COST);
            self.balance -= taken;
            self.pending += 1;
            taken
        })
    }

    /// Turns a reserved retry into one that is sent now. Returns false, and
    /// changes nothing, if the requests have become too few meanwhile.
    pub(super) fn spend(&mut self, number: u64) -> bool {
        let pending = self.pending;
        // Others that wait take their turn later, if there is room for them.
        self.pending = 0;
        let is_minimum = self.retries(number) < self.rule.minimum;
        let fits = is_minimum || self.has_room(number);
        self.pending = pending - u64::from(fits);
        self.slot(number).retries += u64::from(fits);
        fits
    }

    /// Takes back the reservation of a retry that is not sent.
    pub(super) fn give_back(&mut self, taken: u64) {
        self.pending -= 1;
        self.put(taken);
    }

    /// Returns the requests that a fleet was not told of, by their age in
    /// slots, and forgets them.
    #[cfg(feature = "redis")]
    pub(super) fn take_unsent(&mut self, number: u64) -> Vec<(u64, u64)> {
        let now = number.max(self.newest);
        let told = self.slots.iter_mut().filter_map(|slot| {
            let unsent = std::mem::take(&mut slot.unsent);
            let age = now - slot.number;
            (unsent > 0 && age < SLOTS).then_some((age, unsent))
        });
        told.collect()
    }

    /// Returns whether the requests of the window allow one more retry.
    ///
    /// Requests are counted in at most a window, and retries in at least one,
    /// so that the ratio holds in every window, however it lies.
    fn has_room(&self, number: u64) -> bool {
        let requests = self.sum(number, SLOTS, |slot| slot.requests);
        let retries = self.retries(number) + self.pending + 1;
        retries.saturating_mul(RETRY_COST) <= requests.saturating_mul(self.rule.percent)
    }

    /// Returns the retries that were sent in the window.
    fn retries(&self, number: u64) -> u64 {
        self.sum(number, SLOTS + 1, |slot| slot.retries)
    }

    /// Adds up the newest `count` slots.
    fn sum(&self, number: u64, count: u64, of: impl Fn(&Slot) -> u64) -> u64 {
        let now = number.max(self.newest);
        let recent = self.slots.iter().filter(|it| now < it.number + count);
        recent.map(of).sum()
    }

    /// Adds to the balance, up to the reserve.
    fn put(&mut self, units: u64) {
        let most = self.rule.reserve.max(self.rule.minimum) * RETRY_COST;
        self.balance = self.balance.saturating_add(units).min(most);
    }

    /// Returns the counts of a slot, or of the newest one if that is newer.
    fn slot(&mut self, number: u64) -> &mut Slot {
        self.newest = self.newest.max(number);
        let number = self.newest;
        let slot = &mut self.slots[(number % (SLOTS + 1)) as usize];
        if slot.number != number {
            *slot = Slot {
                number,
                ..Slot::default()
            };
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BudgetRule = BudgetRule {
        percent: 10,
        minimum: 0,
        reserve: 10,
    };

    /// Sends as many retries as there are, and returns their number.
    fn drain(window: &mut Window, slot: u64) -> u64 {
        let mut sent = 0;
        while window.reserve(slot).is_some() {
            assert!(window.spend(slot));
            sent += 1;
        }
        sent
    }

    #[test]
    fn a_tenth_of_the_requests_may_be_retried_and_none_without_requests() {
        let mut window = Window::new(RULE);
        assert_eq!(drain(&mut window, 100), 0);
        window.add_requests(100, 9);
        assert_eq!(drain(&mut window, 100), 0);
        window.add_requests(100, 1);
        assert_eq!(drain(&mut window, 100), 1);
        window.add_requests(101, 1_000);
        assert_eq!(drain(&mut window, 101), 10, "no more are saved up");
        window.add_requests(101, 10);
        assert_eq!(drain(&mut window, 101), 1);
    }

    #[test]
    fn requests_are_forgotten_sooner_than_retries() {
        let mut window = Window::new(RULE);
        window.add_requests(100, 100);
        assert_eq!(drain(&mut window, 119), 10);
        window.add_requests(125, 100);
        assert_eq!(drain(&mut window, 139), 0, "the retries still count");
        assert_eq!(drain(&mut window, 140), 10);
        window.add_requests(200, 100);
        assert_eq!(drain(&mut window, 220), 0, "the requests no longer count");
    }

    #[test]
    fn what_is_given_back_can_be_reserved_again() {
        let mut window = Window::new(RULE);
        window.add_requests(100, 10);
        let taken = window.reserve(100).unwrap();
        assert_eq!(window.reserve(100), None);
        window.give_back(taken);
        assert_eq!(drain(&mut window, 100), 1);
        assert_eq!((window.pending, window.balance), (0, 0));
    }

    #[test]
    fn retries_that_wait_need_room_beside_each_other() {
        let mut window = Window::new(RULE);
        window.add_requests(100, 100);
        window.add_requests(120, 50);
        let reserved: Vec<_> = std::iter::from_fn(|| window.reserve(120)).collect();
        assert_eq!((reserved.len(), window.balance), (5, 500));
        assert!(window.spend(120));
        assert_eq!(window.reserve(120), None);
    }

    #[test]
    fn a_reserved_retry_is_not_sent_if_the_requests_are_gone() {
        let mut window = Window::new(RULE);
        window.add_requests(100, 10);
        let taken = window.reserve(100).unwrap();
        assert!(!window.spend(120));
        window.give_back(taken);
        assert_eq!(window.pending, 0);
    }

    #[test]
    fn a_minimum_needs_no_requests() {
        let rule = BudgetRule { minimum: 3, ..RULE };
        let mut window = Window::new(rule);
        assert_eq!(drain(&mut window, 100), 3);
        assert_eq!(drain(&mut window, 120), 0);
        assert_eq!(drain(&mut window, 121), 3);
    }
}
