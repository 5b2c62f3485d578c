//! A million lines take no more memory than a few.

use std::{
    fs,
    io::{BufWriter, Write},
    process::{Child, Stdio},
    thread::JoinHandle,
};

use crate::run::lab;

/// The most memory of a process so far, in KiB.
fn peak_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of KiB")
}

/// Numbers that look random: xorshift64* of Vigna.
fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// Returns a line that is often broken. Each has a key of its own.
fn line(number: u64, state: &mut u64) -> Vec<u8> {
    let random_bits = random(state);
    let at = 1_700_000_000_000 + number * 20 + random_bits % 1_000;
    match random_bits >> 60 {
        0 => random_bits.to_le_bytes().repeat(8),
        1 => format!("{at},\"{random_bits}").into_bytes(),
        2 => format!("{random_bits},late or early").into_bytes(),
        _ => format!("{at},key-{random_bits:x}").into_bytes(),
    }
}

/// Plays lines of random keys. All are read before the input ends, which is
/// when the memory is looked at.
fn peak_after(lines: u64) -> u64 {
    let args = [
        "replay",
        "-",
        "--allow-unreadable",
        "--format=csv",
        "--max-keys=50000",
        "--threads=2",
        "--limit",
        "3/1m burst 5",
        "--rule=all",
    ];
    let mut command = lab(&args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut output = child.stdout.take().expect("a pipe");
    let reader: JoinHandle<_> = std::thread::spawn(move || std::io::read_to_string(&mut output));
    let mut input = BufWriter::new(child.stdin.take().expect("a pipe"));
    let mut state = 7;
    for number in 0..lines {
        input
            .write_all(&line(number, &mut state))
            .expect("it reads");
        input.write_all(b"\n").expect("it reads");
    }
    input.flush().expect("it reads");
    let peak = peak_kib(&child);
    drop(input);
    assert!(child.wait().expect("it ends").success());
    let text = reader.join().expect("no panic").expect("UTF-8");
    assert!(text.contains("idle keys were forgotten"), "{text}");
    peak
}

#[test]
#[cfg(target_os = "linux")]
fn a_million_lines_of_random_keys_take_bounded_memory() {
    let (few, many) = (peak_after(150_000), peak_after(1_000_000));
    println!("{few} KiB after 150,000 lines, {many} KiB after 1,000,000");
    assert!(many < few + few / 4, "{few} KiB, then {many} KiB");
    assert!(many < 100 * 1024, "{many} KiB");
}
