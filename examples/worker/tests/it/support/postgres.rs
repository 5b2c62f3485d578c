//! A server of PostgreSQL with an empty database.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::{folder::Folder, free_port};

/// The server. It is stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Postgres {
    /// Starts a server on a free port. It refuses to run as root, so then it runs as
    /// the user `postgres`, which its package creates.
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        if is_root() {
            chown(folder.path(), Some(id("-u")), Some(id("-g"))).unwrap();
        }
        let data = folder.path().join("data");
        let mut initdb = as_postgres("initdb", |initdb| {
            initdb.args(["--auth=trust", "--username=worker", "--no-sync", "-D"]);
            initdb.arg(&data).stdout(Stdio::null());
        });
        assert!(initdb.status().unwrap().success());
        let port = free_port();
        let mut child = as_postgres("postgres", |server| {
            server.arg("-D").arg(&data).arg("-k").arg(folder.path());
            server.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
            server.stdout(Stdio::null()).stderr(Stdio::null());
        });
        let server = Self {
            child: child.spawn().unwrap(),
            port,
            _folder: folder,
        };
        server.wait();
        server
    }

    /// Returns the URL of the database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://worker@127.0.0.1:{}/postgres", self.port)
    }

    /// Waits until it accepts connections.
    fn wait(&self) {
        let port = self.port.to_string();
        let is_ready = || {
            let mut ready = Command::new(program("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &port]);
            ready.status().unwrap().success()
        };
        while !is_ready() {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT disconnects all clients, and stops. `setpriv` has become the server.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Returns an id of the user `postgres`.
fn id(which: &str) -> u32 {
    let id = Command::new("id")
        .args([which, "postgres"])
        .output()
        .unwrap();
    let text = String::from_utf8(id.stdout).unwrap();
    text.trim().parse().expect("the user postgres exists")
}

/// Returns the command of a program, run as `postgres` if this is root.
fn as_postgres(name: &str, arguments: impl FnOnce(&mut Command)) -> Command {
    let mut command = match is_root() {
        false => Command::new(program(name)),
        true => {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            setpriv.arg(program(name));
            setpriv
        }
    };
    arguments(&mut command);
    command
}

/// Finds a program on the path, or where Debian puts it.
fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join(name));
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let packaged = versions.map(|version| version.path().join("bin").join(OsStr::new(name)));
    let found = on_path.chain(packaged).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: install postgresql"))
}
