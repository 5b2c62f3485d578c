//! The law of a fleet's maximum, for any instances, losses and crashes.

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    test_runner::{Config, TestRunner},
};

use super::script::{Fleet, LIFE, Told};
use crate::server::Server;

const INSTANCES: usize = 5;

/// A call of an instance.
#[derive(Clone, Copy, Debug)]
struct Step {
    instance: usize,
    want: u32,
    /// Whether its reply is lost.
    is_lost: bool,
    /// Whether the server lost its data before it.
    is_flushed: bool,
    /// The ticks before it.
    pause: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let faults = (any::<bool>(), (0..30).prop_map(|dice| dice == 0));
    let step = (0..INSTANCES, 1..80_u32, faults, 0..LIFE / 4);
    step.prop_map(|(instance, want, (is_lost, is_flushed), pause)| Step {
        instance,
        want,
        is_lost,
        is_flushed,
        pause,
    })
}

/// An instance, as it knows itself.
#[derive(Clone, Copy)]
struct Instance {
    id: u32,
    bound: u32,
    called: u64,
}

fn play(fleet: &mut Fleet, max: u32, steps: &[Step]) {
    let mut next_id = 0;
    let mut instances: [Option<Instance>; INSTANCES] = [None; INSTANCES];
    for step in steps {
        fleet.now += step.pause;
        if step.is_flushed {
            fleet.flush();
        }
        for instance in &mut instances {
            // It crashed if it did not call for its whole life.
            *instance = instance.filter(|it| fleet.now - it.called < LIFE);
        }
        let instance = instances[step.instance].get_or_insert_with(|| {
            next_id += 1;
            Instance {
                id: next_id,
                bound: 0,
                called: 0,
            }
        });
        instance.called = fleet.now;
        let told = Told {
            limit: instance.bound,
            held: instance.bound,
            want: step.want,
            ..Told::default()
        };
        let answer = fleet.tell(instance.id, told);
        assert!(answer.bound >= 1);
        if !step.is_lost {
            instance.bound = answer.bound;
        }
        let bounds = instances.iter().flatten().map(|it| it.bound);
        let sum: u32 = bounds.clone().sum();
        let least = bounds.filter(|bound| *bound == 1).count() as u32;
        assert!(sum <= max + least, "{sum} of {max} with {least} at 1");
    }
}

#[test]
fn the_bounds_in_force_are_never_more_than_the_maximum() {
    let server = Server::start();
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let cases = (1..120_u32, vec(step(), 1..60));
    let mut runner = TestRunner::new(config);
    let result = runner.run(&cases, |(max, steps)| {
        let mut fleet = Fleet::new(&server, max);
        fleet.flush();
        play(&mut fleet, max, &steps);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
