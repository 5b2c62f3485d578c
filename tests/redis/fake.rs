//! A fake server that misbehaves in ways that a real one does not.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Replies to each command of each numbered connection, or leaves the client
/// waiting. Returns the port; the server runs until the process ends.
pub(crate) fn server<A>(answer: A) -> u16
where
    A: Fn(usize, &[String]) -> Option<String> + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for (nth, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(stream, |command| answer(nth, command)));
        }
    });
    port
}

/// The reply of a script that returns a list of one, with the number of the call,
/// which was the last argument, behind it.
pub(crate) fn numbered(command: &[String], reply: &str) -> Option<String> {
    let number = command.last()?;
    match command[2].as_str() {
        // An echo, which only returns its number.
        "0" => Some(format!(":{number}\r\n")),
        _ => Some(format!("*2\r\n{reply}:{number}\r\n")),
    }
}

fn serve(mut stream: TcpStream, answer: impl Fn(&[String]) -> Option<String>) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    loop {
        let command = command(&mut input)?;
        if let Some(reply) = answer(&command) {
            stream.write_all(reply.as_bytes()).ok()?;
        }
    }
}

/// `None` at the end.
fn command(input: &mut impl BufRead) -> Option<Vec<String>> {
    let words = length(input, '*')?;
    let word = |_| {
        let mut bytes = vec![0; length(input, '$')? + 2];
        input.read_exact(&mut bytes).ok()?;
        let word = String::from_utf8_lossy(&bytes);
        Some(word.trim_end().to_owned())
    };
    (0..words).map(word).collect()
}

fn length(input: &mut impl BufRead, of: char) -> Option<usize> {
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(of)?.parse().ok()
}
