//! The store in this process, against the model.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::{clock::Manual, idempotency::Local};
use tokio::runtime::Builder;

use crate::model::{Subject, play_to, steps};

struct InProcess {
    store: Local<Manual>,
    clock: Manual,
}

impl Subject for InProcess {
    type Store = Local<Manual>;

    fn store(&self) -> &Local<Manual> {
        &self.store
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_goes_by_the_state_rules(steps in steps()) {
        let clock = Manual::new();
        let store = Local::builder().clock(clock.clone()).build();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(play_to(&InProcess { store, clock }, &steps));
    }
}
