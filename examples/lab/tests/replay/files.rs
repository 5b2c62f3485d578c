//! Files for a test, in a folder that is removed at its end.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use flate2::{Compression, write::GzEncoder};

/// A folder of its own.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("lab-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, contents).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Compresses as one member.
pub(crate) fn gzip(contents: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(contents).expect("memory");
    encoder.finish().expect("memory")
}

/// Returns a line of an access log, `second` seconds after 13:00.
pub(crate) fn line(client: &str, second: u32) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        "{client} - - [10/Oct/2000:13:{minute:02}:{second:02} +0200] \"GET / HTTP/1.1\" 200 7 \"-\" \"curl\"\n"
    )
}

/// Returns lines of three clients, one of which sends most.
pub(crate) fn lines(seconds: std::ops::Range<u32>) -> String {
    let client = |second| match second % 7 {
        0 => "192.0.2.1",
        1 => "2001:db8::1",
        _ => "192.0.2.2",
    };
    seconds.map(|second| line(client(second), second)).collect()
}
