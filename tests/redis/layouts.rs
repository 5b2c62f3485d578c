//! A rolling deploy from this version to later ones that keep a bucket in another
//! layout: the plan of `limit::Redis`, with a layout that is made up.
//!
//! | version | reads | writes |
//! |---|---|---|
//! | this one | layout 1 | layout 1 |
//! | the next | both | layout 1 |
//! | the one after | both | layout 2 |

use redis::{Connection, Value};
use sluicegate::{
    clock::Tick,
    limit::{
        Quota, TokenBucket,
        testing::{Operation, ReplyReader, batch, terms},
    },
};

use crate::server::Server;

const NOW: Tick = 1_700_000_000_000_000;

const KEY: &str = "bucket";

const PRELUDE: &str = concat!(
    include_str!("../../lua/clock.lua"),
    include_str!("../../lua/shortcut.lua"),
    include_str!("../../lua/prelude.lua"),
);

const RULE: &str = concat!(
    include_str!("../../lua/rules.lua"),
    include_str!("../../lua/gcra.lua"),
    "function add_rest()\n",
    include_str!("../../lua/hold.lua"),
    include_str!("../../lua/refund.lua"),
    include_str!("../../lua/lease.lua"),
    include_str!("../../lua/new_quota.lua"),
    "end\n",
    include_str!("../../lua/token_bucket.lua"),
    include_str!("../../lua/batch.lua"),
);

/// Layout 2 begins with its number, and has the kind before the numbers.
const READS_BOTH: &str = "
local read_1 = read_command
local function read_command(...)
    local value = read_1(...)
    local rest = type(value) == 'string' and match(value, '^2 t (.+)$')
    return rest and rest .. ' t' or value
end
";

const WRITES_2: &str = "
local set_1 = set_state
local function set_state(key, value, life)
    set_1(key, '2 t ' .. match(value, '^(.+) t$'), life)
end
";

/// Instances of one version each, and the server that they share.
struct Deploy {
    client: Connection,
    _server: Server,
}

impl Deploy {
    fn begin() -> Self {
        let server = Server::start();
        Self {
            client: server.client(),
            _server: server,
        }
    }

    /// Returns how much of one check an instance of a version admits, or `None`
    /// if it cannot read the bucket.
    fn ask(&mut self, version: &str, entry: Operation) -> Option<u64> {
        let rule = TokenBucket::new(Quota::per_day(20).burst(20));
        let entries = [(KEY.as_bytes(), entry)].into_iter();
        let call = batch::<TokenBucket>(&terms(&rule), Some(NOW), None, entries);
        let mut whole = redis::cmd("EVAL");
        whole.arg(version);
        for arg in call.args_iter().skip(2) {
            if let redis::Arg::Simple(arg) = arg {
                whole.arg(arg);
            }
        }
        let reply: Vec<Value> = whole.query(&mut self.client).unwrap();
        ReplyReader::of(&reply[1..]).take()
    }

    fn held(&mut self) -> String {
        redis::cmd("GET").arg(KEY).query(&mut self.client).unwrap()
    }

    /// How much passes of checks that two versions make by turns.
    fn passes(&mut self, versions: [&str; 2]) -> u64 {
        let turns = versions.iter().cycle().take(40);
        let admitted = turns.map(|version| self.ask(version, Operation::Check(1)));
        admitted
            .map(|admitted| admitted.expect("it can be read"))
            .sum()
    }
}

fn this() -> String {
    [PRELUDE, RULE].concat()
}

fn next() -> String {
    [PRELUDE, READS_BOTH, RULE].concat()
}

fn after_next() -> String {
    [PRELUDE, READS_BOTH, WRITES_2, RULE].concat()
}

#[test]
fn neighbours_keep_one_limit_exactly() {
    for versions in [[this(), next()], [next(), after_next()]] {
        let mut deploy = Deploy::begin();
        let [old, new] = &versions;
        assert_eq!(deploy.passes([old, new]), 20);
        assert_eq!(deploy.passes([new, old]), 0);
    }
}

#[test]
fn a_charge_survives_a_change_of_versions() {
    let mut deploy = Deploy::begin();
    assert_eq!(deploy.ask(&this(), Operation::Check(15)), Some(1));
    assert_eq!(deploy.ask(&next(), Operation::Check(2)), Some(1));
    assert!(deploy.held().ends_with(" t"), "layout 1");
    assert_eq!(deploy.ask(&after_next(), Operation::Check(2)), Some(1));
    assert!(deploy.held().starts_with("2 t "), "layout 2");
    assert_eq!(deploy.ask(&next(), Operation::Check(2)), Some(0));
    assert_eq!(deploy.ask(&next(), Operation::Check(1)), Some(1));
}

/// A deployment skips a version, or goes back by two: the old instances leave the
/// newer state alone and say that they cannot read it; the new ones read both.
#[test]
fn over_two_versions_the_old_ones_say_so_and_write_nothing() {
    let mut deploy = Deploy::begin();
    assert_eq!(deploy.ask(&this(), Operation::Check(5)), Some(1));
    let mut admitted = 5;
    for _ in 0..40 {
        admitted += deploy.ask(&after_next(), Operation::Check(1)).unwrap();
        let held = deploy.held();
        for entry in [
            Operation::Check(1),
            Operation::Credit(9),
            Operation::Debit(1),
        ] {
            assert_eq!(deploy.ask(&this(), entry), None);
            assert_eq!(deploy.held(), held);
        }
    }
    assert_eq!(admitted, 20);
    // An operator who wants the old ones back at once empties the bucket.
    assert_eq!(deploy.ask(&this(), Operation::Reset), Some(1));
    assert_eq!(deploy.ask(&this(), Operation::Check(1)), Some(1));
}
