//! Four processes that work under the same 200 keys, and are killed in mid-work,
//! beside a Redis that is killed and has a file: under `Takeover::Refuse`, no
//! work is even begun twice, and every client ends with the same response, or
//! learns that the outcome is unknown.
//!
//! Begun and completed work is written to a file, independently of Redis: a line
//! of it outlives the process that wrote it.

mod member;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use crate::{scratch::Scratch, server::Server};

const MEMBERS: usize = 4;

const KEYS: usize = 200;

/// Work under these begins and never ends, but with its process.
fn is_stuck(key: usize) -> bool {
    key % 40 == 7
}

/// A process that begins one of these is killed as soon as that is known.
fn is_deadly(key: usize) -> bool {
    is_stuck(key) || key % 40 == 3
}

/// Redis is killed when so much has been done.
const CRASHES: [usize; 2] = [30, 90];

/// Longer than any run takes to say something.
const HANGS: Duration = Duration::from_secs(60);

/// Has this process take part: the server's address and the file.
const MEMBER: &str = "SLUICEGATE_CHAOS_MEMBER";

/// The processes; killed when dropped.
struct Chaos {
    server: Server,
    url: String,
    file: String,
    members: Vec<Member>,
    sender: Sender<(u32, String)>,
    lines: Receiver<(u32, String)>,
    _scratch: Scratch,
}

struct Member {
    process: Child,
    /// The final results of its clients.
    answers: BTreeMap<usize, String>,
    is_over: bool,
}

impl Chaos {
    fn start() -> Self {
        let scratch = Scratch::new();
        let file = scratch.file("done", "");
        let folder = ["--dir", scratch.path(), "--appendonly", "yes"];
        let server = Server::with(&[folder.as_slice(), &["--appendfsync", "always"]].concat());
        let (sender, lines) = channel();
        let mut chaos = Self {
            url: server.url(),
            server,
            file,
            members: Vec::new(),
            sender,
            lines,
            _scratch: scratch,
        };
        for place in 0..MEMBERS {
            let member = chaos.launch(place);
            chaos.members.push(member);
        }
        chaos
    }

    fn launch(&self, place: usize) -> Member {
        let mut process = Command::new(env::current_exe().expect("a test knows where it is"))
            .args([
                "idempotency::chaos::member::member",
                "--exact",
                "--nocapture",
            ])
            .env(MEMBER, format!("{} {} {place}", self.url, self.file))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test can be run again");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let sender = self.sender.clone();
        let id = process.id();
        thread::spawn(move || {
            let said = output.lines().map_while(Result::ok);
            let ours = said.filter_map(|line| Some(line.strip_prefix("chaos ")?.to_owned()));
            ours.for_each(|line| _ = sender.send((id, line)));
        });
        Member {
            process,
            answers: BTreeMap::new(),
            is_over: false,
        }
    }

    /// In the middle of whatever it does; another one takes its place.
    fn kill(&mut self, place: usize) {
        self.members[place].end();
        self.members[place] = self.launch(place);
    }

    /// Until every client of every member has ended; answers how many were killed.
    fn run(&mut self) -> usize {
        let (mut killed, mut done, mut crashes) = (0, 0, CRASHES.iter().peekable());
        while !self.members.iter().all(|member| member.is_over) {
            let (id, line) = self.lines.recv_timeout(HANGS).expect("nobody hangs");
            let words: Vec<_> = line.split(' ').collect();
            done += usize::from(words[0] == "done");
            if crashes.next_if(|crash| **crash <= done).is_some() {
                self.server.restart();
            }
            // Others are the last words of one that was killed.
            let living = |member: &Member| member.process.id() == id;
            let Some(place) = self.members.iter().position(living) else {
                continue;
            };
            match words[..] {
                ["begun", key] if is_deadly(key.parse().unwrap()) => {
                    self.kill(place);
                    killed += 1;
                    let most = (0..KEYS).filter(|key| is_deadly(*key)).count();
                    assert!(killed <= most, "what was begun is begun again");
                }
                ["answer", key, answer] => self.members[place].hear(key, answer),
                ["over"] => self.members[place].is_over = true,
                _ => {}
            }
        }
        assert_eq!(crashes.next(), None, "Redis was not killed");
        killed
    }

    /// The begun work and the results, by key.
    fn written(&self) -> (BTreeSet<usize>, BTreeMap<usize, String>) {
        let (mut begun, mut done) = (BTreeSet::new(), BTreeMap::new());
        for line in fs::read_to_string(&self.file).unwrap().lines() {
            let words: Vec<_> = line.split(' ').collect();
            let key: usize = words[1].parse().unwrap();
            match words[..] {
                ["begun", _] => assert!(begun.insert(key), "{key} was begun twice"),
                ["done", _, value] => {
                    let earlier = done.insert(key, value.to_owned());
                    assert_eq!(earlier, None, "{key} was done twice");
                }
                _ => panic!("{line}"),
            }
        }
        (begun, done)
    }
}

impl Member {
    fn hear(&mut self, key: &str, answer: &str) {
        let key = key.parse().expect("a number");
        self.answers.insert(key, answer.to_owned());
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

/// Measured: some 20 are killed, and the outcome of some 15 keys is unknown.
#[test]
fn no_work_is_done_twice_whichever_process_is_killed() {
    let mut chaos = Chaos::start();
    let killed = chaos.run();
    let (begun, done) = chaos.written();
    assert!(killed >= 3, "only {killed} were killed");
    assert!(done.len() >= KEYS / 2, "only {done:?}");
    assert!(done.keys().all(|key| begun.contains(key)));
    let mut unknown = BTreeSet::new();
    for member in &chaos.members {
        let ended: Vec<_> = member.answers.keys().copied().collect();
        assert_eq!(ended, (0..KEYS).collect::<Vec<_>>(), "a client has no end");
        for (key, answer) in &member.answers {
            match answer.as_str() {
                "unknown" => _ = unknown.insert(*key),
                value => assert_eq!(done.get(key).map(String::as_str), Some(value), "{key}"),
            }
        }
    }
    println!(
        "{killed} killed, {} begun, {} done, {} unknown to somebody",
        begun.len(),
        done.len(),
        unknown.len()
    );
    let mut stuck = (0..KEYS).filter(|key| is_stuck(*key));
    assert!(stuck.all(|key| unknown.contains(&key)));
}
