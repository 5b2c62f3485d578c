//! Breadth first over everything that can happen.

use std::{
    collections::HashSet,
    fmt::Debug,
    hash::{BuildHasherDefault, Hash, Hasher},
};

/// States, and the moves between them.
pub(crate) trait World {
    type State: Copy + Eq + Hash + Debug;
    type Move: Copy + Debug;

    fn start(&self) -> Self::State;

    /// Collects every move that can be made.
    fn moves(&self, state: &Self::State, moves: &mut Vec<Self::Move>);

    /// Makes a move; or says which law it breaks.
    fn step(&mut self, state: Self::State, made: Self::Move) -> Result<Self::State, String>;
}

/// The result of a search.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// How many steps break a law; such steps lead nowhere.
    pub(crate) broken: usize,
    /// The shortest way to the first of them.
    pub(crate) first: Option<String>,
}

struct Node<W: World> {
    state: W::State,
    /// Where it was reached from, and how.
    from: Option<(u32, W::Move)>,
}

/// Searches all states that can be reached, or until a law is broken if `once`.
pub(crate) fn search<W: World>(world: &mut W, once: bool) -> Report {
    let mut seen = HashSet::with_hasher(BuildHasherDefault::<Mixer>::default());
    let (mut nodes, mut moves, mut report) = (Vec::new(), Vec::new(), Report::default());
    let state = world.start();
    seen.insert(state);
    nodes.push(Node::<W> { state, from: None });
    let mut next = 0;
    while next < nodes.len() {
        let state = nodes[next].state;
        moves.clear();
        world.moves(&state, &mut moves);
        for made in moves.drain(..) {
            report.steps += 1;
            match world.step(state, made) {
                Ok(state) if seen.insert(state) => {
                    let from = Some((next as u32, made));
                    nodes.push(Node { state, from });
                }
                Ok(_) => {}
                Err(law) => {
                    report.broken += 1;
                    report
                        .first
                        .get_or_insert_with(|| tell(&nodes, next, made, &law));
                }
            }
        }
        if once && report.broken > 0 {
            break;
        }
        next += 1;
    }
    report.states = nodes.len();
    report
}

/// The way to a broken law, one step a line.
fn tell<W: World>(nodes: &[Node<W>], last: usize, made: W::Move, law: &str) -> String {
    let (mut lines, mut place) = (vec![format!("{made:?}: {law}")], last);
    while let Some((from, made)) = nodes[place].from {
        lines.push(format!("{made:?} -> {:?}", nodes[place].state));
        place = from as usize;
    }
    lines.reverse();
    lines.join("\n")
}

/// Mixes words by a multiplication each, because states are hashed millions of times.
#[derive(Default)]
pub(crate) struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.mix(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }
}
