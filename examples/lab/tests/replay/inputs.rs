//! What can be read, and what is said about what cannot.

use crate::{
    files::{Folder, gzip, line, lines},
    run::{run, run_with},
};

const LIMIT: [&str; 4] = ["--json", "--limit", "3/1m burst 2", "--rule=all"];

fn replay<'a>(files: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let replay = ["replay"].into_iter().chain(files.iter().copied());
    replay.chain(LIMIT).chain(more.iter().copied()).collect()
}

/// Rotated logs in the order of a shell, two of them compressed, one of those
/// in two members.
#[test]
fn rotated_files_in_any_order_play_as_one() {
    let folder = Folder::new();
    let whole = folder.file("whole.log", lines(0..600));
    let newest = folder.file("access.log", lines(450..600));
    let middle = folder.file("access.log.1", gzip(lines(200..450).as_bytes()));
    let members = [
        gzip(lines(0..150).as_bytes()),
        gzip(lines(150..200).as_bytes()),
    ]
    .concat();
    let oldest = folder.file("access.log.2.gz", members);
    let expected = run(&replay(&[&whole], &[])).json();
    assert!(
        expected["policies"][0]["refused"].as_u64() > Some(100),
        "{expected}"
    );
    for files in [[&newest, &middle, &oldest], [&oldest, &newest, &middle]] {
        assert_eq!(run(&replay(&files.map(|it| &**it), &[])).json(), expected);
    }
}

#[test]
fn the_same_requests_in_other_formats_play_the_same() {
    let folder = Folder::new();
    let log = run(&replay(&[&folder.file("log", lines(0..300))], &[])).json();
    let client = |second: usize| {
        [
            "192.0.2.1",
            "2001:db8::1",
            "192.0.2.2",
            "192.0.2.2",
            "192.0.2.2",
            "192.0.2.2",
            "192.0.2.2",
        ][second % 7]
    };
    // 13:00 at +0200 is 11:00 UTC.
    let start = 971_175_600_usize;
    let csv: String = (0..300)
        .map(|it| format!("{},{}\r\n", start + it, client(it)))
        .collect();
    let json: String = (0..300)
        .map(|it| {
            format!(
                "{{\"ts\":{}.0,\"remote_ip\":\"{}\"}}\n",
                start + it,
                client(it)
            )
        })
        .collect();
    assert_eq!(
        run(&replay(&[&folder.file("csv", &csv)], &[])).json()["policies"],
        log["policies"]
    );
    assert_eq!(
        run(&replay(&[&folder.file("json", json)], &[])).json()["policies"],
        log["policies"]
    );
    let piped = run_with(&replay(&["-"], &[]), &gzip(csv.as_bytes())).json();
    assert_eq!(piped["policies"], log["policies"]);
    let marked = ["\u{feff}", &csv].concat();
    assert_eq!(
        run_with(&replay(&["-"], &[]), marked.as_bytes()).json(),
        piped
    );
}

#[test]
fn requests_out_of_order_are_sorted_within_the_window() {
    let shuffled: String = lines(0..600)
        .lines()
        .collect::<Vec<_>>()
        .chunks(40)
        .flat_map(|chunk| chunk.iter().rev())
        .map(|line| format!("{line}\n"))
        .collect();
    let sorted = run_with(&replay(&["-"], &[]), lines(0..600).as_bytes()).json();
    assert_eq!(
        run_with(&replay(&["-"], &["--reorder=40"]), shuffled.as_bytes()).json(),
        sorted
    );
    let late = run_with(&replay(&["-"], &["--reorder=10"]), shuffled.as_bytes()).json();
    let (late, latest) = (&late["input"]["late"], &late["input"]["latest_us"]);
    assert_eq!(
        (late.as_u64(), latest.as_u64()),
        (Some(15 * 29), Some(29_000_000))
    );
}

#[test]
fn unreadable_lines_are_shown_with_their_numbers() {
    let mut text = lines(0..500);
    text.push_str("rubbish \x1b[2J\n\n");
    text.push_str(&lines(500..600));
    let shown = run_with(&["replay", "-", "--limit", "3/m"], text.as_bytes());
    assert!(shown.ok, "{}", shown.stderr);
    assert!(
        shown.stdout.contains("1 of 601 lines cannot be read"),
        "{}",
        shown.stdout
    );
    assert!(
        shown
            .stdout
            .contains("-:501: no [time] before the request: rubbish \\u{1b}[2J\n"),
        "{}",
        shown.stdout
    );
}

#[test]
fn more_than_a_hundredth_unreadable_is_an_error_unless_allowed() {
    for (bad, ok) in [(5, true), (6, false)] {
        let text = lines(0..495) + &"x\n".repeat(bad);
        let run = run_with(&["replay", "-", "--limit", "3/m"], text.as_bytes());
        assert_eq!(run.ok, ok, "{}", run.stderr);
        assert!(
            ok || run
                .stderr
                .contains("6 of 501 lines cannot be read, which is more than 1 %"),
            "{}",
            run.stderr
        );
        assert!(ok || run.stderr.contains("-:496: "), "{}", run.stderr);
        let allowed = run_with(
            &["replay", "-", "--limit", "3/m", "--allow-unreadable"],
            text.as_bytes(),
        );
        assert!(allowed.ok, "{}", allowed.stderr);
    }
}

#[test]
fn files_that_cannot_be_read_say_what_to_do() {
    let folder = Folder::new();
    let compressed = gzip(lines(0..600).as_bytes());
    let truncated = folder.file("cut.log.gz", &compressed[..compressed.len() / 2]);
    let padded = folder.file("padded.log.gz", [&compressed[..], &[0; 512]].concat());
    let twice = folder.file("twice.log.gz", gzip(&compressed));
    let encoded = folder.file("utf16.log.gz", gzip(b"\xff\xfe1\0,\0"));
    let zstd = folder.file("log.zst", b"\x28\xb5\x2f\xfd....");
    let utf16 = folder.file("log.txt", b"\xff\xfe1\0,\0");
    let other = folder.file("other.txt", "hello\nworld\n");
    let empty = folder.file("empty.log", "");
    let no_key = folder.file("anonymous.log", line("-", 0));
    let missing = folder.path().join("missing.log");
    let missing = missing.to_str().unwrap_or_default();
    let folder = folder.path().to_str().unwrap_or_default();
    for (file, text) in [
        (&*truncated, "cut.log.gz is truncated"),
        (&*padded, "padded.log.gz is damaged"),
        (
            &*padded,
            "after line 600 (invalid gzip header); to replay what is there, run: gzip -dc /",
        ),
        (&*twice, "twice.log.gz is compressed twice; run: gzip -dc /"),
        (&*twice, "twice.log.gz | gzip -dc | lab replay -"),
        (
            &*encoded,
            "utf16.log.gz | iconv -f UTF-16 -t UTF-8 | lab replay -",
        ),
        (&*zstd, "log.zst is compressed by zstd; run: zstd -dc /"),
        (&*utf16, "log.txt is UTF-16; run: iconv"),
        (&*other, "cannot tell the format of "),
        (&*empty, "no request to play"),
        (&*no_key, "no request to play"),
        (missing, "cannot open "),
        (folder, "cannot open "),
    ] {
        let run = run(&["replay", file, "--limit", "3/m"]);
        assert!(
            !run.ok && run.stderr.contains(text),
            "{file}: {}",
            run.stderr
        );
    }
}

#[test]
fn flags_that_cannot_be_kept_name_what_is_allowed() {
    let text = lines(0..10);
    for (args, expected) in [
        (
            &["--limit", "0/s"][..],
            "invalid limit \"0/s\": invalid quota amount 0",
        ),
        (
            &["--limit", "bucket 3/s"],
            "must be token-bucket, leaky-queue",
        ),
        (
            &["--limit", "sliding-log 70000/h"],
            "invalid quota amount 70000: must be 1 to 65536",
        ),
        (
            &["--limit", "3/s", "--key", "cookie"],
            "must be ip, path, header:NAME or field:NAME",
        ),
        (
            &["--limit", "3/s", "--key", "header:cookie"],
            "access logs have the headers referer",
        ),
        (&["--limit", "3/s", "--ipv6-prefix", "129"], "129"),
        (
            &["--limit", "3/s", "--max-keys", "0"],
            "'--max-keys <KEYS>'",
        ),
        (
            &["--limit", "3/s", "--threads", "0"],
            "'--threads <THREADS>'",
        ),
        (&["--limit", "3/s", "-"], "give - once"),
    ] {
        let args: Vec<_> = ["replay", "-"].iter().chain(args).copied().collect();
        let run = run_with(&args, text.as_bytes());
        assert!(
            !run.ok && run.stderr.contains(expected),
            "{args:?}: {}",
            run.stderr
        );
    }
}

/// The number of threads changes nothing, and two runs give the same bytes.
#[test]
fn results_do_not_depend_on_threads() {
    let text = lines(0..600);
    let play = |threads: &'static str| {
        let args = replay(
            &["-"],
            &["--against", "fixed-window 5/m", "--threads", threads],
        );
        run_with(&args, text.as_bytes()).stdout
    };
    let one = play("1");
    assert!(one.contains("only_new"), "{one}");
    assert_eq!(play("1"), one);
    assert_eq!(play("3"), one);
}

#[test]
fn results_are_written_to_a_folder() {
    let folder = Folder::new();
    let out = folder.path().join("new/folder");
    let args = [
        "replay",
        "-",
        "--limit",
        "3/m",
        "--out",
        out.to_str().unwrap_or_default(),
    ];
    let run = run_with(&args, lines(0..60).as_bytes());
    assert!(
        run.ok && run.stdout.contains("token-bucket 3/1m"),
        "{run:?}"
    );
    let written = std::fs::read_to_string(out.join("replay.json")).unwrap_or_default();
    assert!(
        written.starts_with("{\"schema\":1,\"key\":\"ip\""),
        "{written}"
    );
}

/// A flag with a list may stand before the files.
#[test]
fn the_order_of_flags_and_files_does_not_matter() {
    let args = [
        "replay",
        "--rule",
        "fixed-window,sliding-log",
        "--limit",
        "3/m",
        "-",
        "--json",
    ];
    let json = run_with(&args, lines(0..60).as_bytes()).json();
    let rules = [&json["policies"][0]["rule"], &json["policies"][1]["rule"]];
    assert_eq!(rules, ["sliding-log", "fixed-window"]);
}

#[test]
fn all_rules_are_those_that_can_keep_the_quota() {
    let args = [
        "replay", "-", "--limit", "70000/h", "--rule", "all", "--json",
    ];
    let run = run_with(&args, lines(0..60).as_bytes());
    assert_eq!(run.json()["policies"].as_array().map(Vec::len), Some(5));
    let told = "left out: sliding-log 70000/1h: invalid quota amount 70000";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

/// All files are open at once, because they are merged by time.
#[test]
#[cfg(unix)]
fn too_many_files_are_an_error_that_says_what_to_do() {
    let folder = Folder::new();
    let file = |number| folder.file(&format!("{number}.log"), lines(0..2));
    let files: Vec<_> = (0..64).map(file).collect();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "ulimit -n 32; exec \"$0\" replay \"$@\""]);
    shell.arg(env!("CARGO_BIN_EXE_lab")).args(&files);
    let output = shell.args(["--limit", "3/m"]).output().expect("sh");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("too many open files; to allow more"),
        "{error}"
    );
}

/// Damaged files are errors or unreadable lines, and never a panic, whose exit
/// code is 101.
#[test]
fn damaged_files_end_without_a_panic() {
    let whole = gzip(lines(0..200).as_bytes());
    for place in (0..whole.len()).step_by(whole.len() / 24) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x5a;
        let run = run_with(&["replay", "-", "--limit", "3/m"], &damaged);
        assert!(
            run.ok || run.stderr.starts_with("lab: "),
            "{place}: {}",
            run.stderr
        );
    }
}
