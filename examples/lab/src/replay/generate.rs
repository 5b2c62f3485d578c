//! `lab generate`: a made-up access log, to try and to measure the other
//! commands.

use std::{
    error::Error,
    io::{self, BufWriter, ErrorKind, Write},
};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use rand_pcg::{
    Pcg64Mcg,
    rand_core::{Rng, SeedableRng},
};

/// The first instant of the log: 2026-10-01 00:00:00 UTC.
const START_S: i64 = 1_790_812_800;

/// Writes a made-up access log of a day to standard output
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: lab generate --lines 10000000 | gzip > access.log.gz")]
pub struct Command {
    /// How many requests
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,

    /// How many clients; the n-th sends about one n-th as many requests as the first
    #[arg(long, default_value_t = 100_000)]
    clients: u64,

    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Command {
    /// Writes the log.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        match self.write(&mut output).and_then(|()| output.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let mut random = Pcg64Mcg::seed_from_u64(self.seed);
        let start = Timestamp::from_second(START_S).expect("the start is a date");
        for line in 0..self.lines {
            let second = (u128::from(line) * 86_400 / u128::from(self.lines)) as i64;
            let time =
                (start + SignedDuration::from_secs(second)).strftime("%d/%b/%Y:%H:%M:%S +0000");
            let client = client(client_number(&mut random, self.clients));
            let path = random.next_u64() % 1_000;
            writeln!(
                output,
                "{client} - - [{time}] \"GET /items/{path}?page=1 HTTP/1.1\" 200 {} \"https://shop.example/\" \
                 \"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\"",
                500 + path,
            )?;
        }
        Ok(())
    }
}

/// Draws a client by Zipf's law: the logarithm of its number is uniform.
fn client_number(random: &mut impl Rng, clients: u64) -> u64 {
    let uniform = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    (clients.max(1) as f64).powf(uniform) as u64
}

/// Returns the address of a client. Every eighth one has IPv6.
fn client(number: u64) -> String {
    // An odd factor permutes the numbers, so that neighbours look unlike.
    let bits = (number as u32).wrapping_mul(0x9e37_79b1);
    let [a, b, c, d] = bits.to_be_bytes();
    match number % 8 {
        7 => format!("2001:db8:{:x}:{:x}::1", bits >> 16, bits & 0xffff),
        _ => format!("{a}.{b}.{c}.{d}"),
    }
}
