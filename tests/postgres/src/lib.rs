//! A PostgreSQL server for tests: the one that Debian has, with a folder and a socket of its own.
//!
//! [`Postgres::shared`] is one server for all tests of a process, each of which makes a database. A shell stands over
//! the server and reads from the process that started it: when that ends, by whatever way, the shell reads the end of
//! the pipe, ends the server and removes its folder. PostgreSQL refuses to run as root, so root's tests run it as the
//! user `postgres`. `fsync` is off: the data are worth nothing after the test.

mod user;

use std::io::{Error, ErrorKind, Result, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use user::User;

/// How long the server may take until it answers.
const READY_MAX: Duration = Duration::from_secs(60);
/// PostgreSQL cuts longer names, bytes.
const NAME_BYTES_MAX: usize = 63;
/// The superuser of the databases.
const SUPERUSER: &str = "postgres";
/// Arguments: the folder of the programs, and ours. The server listens on its socket alone.
const SUPERVISOR: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=300 \
    -c log_lock_waits=on >>"$2/log" 2>&1 &
read -r order || order=end
kill -QUIT $!
wait
[ "$order" = stop ] || rm -rf "$2"
"#;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    supervisor: Child,
    databases: AtomicU32,
}

impl Postgres {
    /// The server that all tests of this process share. Panics where there is none to start.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> = LazyLock::new(|| match Postgres::start() {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        });
        &SHARED
    }

    /// Starts a server and waits until it answers. It ends when it is dropped.
    pub fn start() -> Result<Self> {
        let programs = programs()?;
        let user = User::other_than_root()?;
        let folder = tempfile::Builder::new().prefix("spillway-postgres-").tempdir()?.keep();
        if let Some(user) = user {
            std::os::unix::fs::chown(&folder, Some(user.uid), Some(user.gid))?;
        }
        let mut initdb = command(&programs.join("initdb"), &folder, user);
        // A language whose order of letters is not that of their bytes.
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu"]);
        initdb.args(["--icu-locale=en-US", "--username", SUPERUSER, "--pgdata"]).arg(folder.join("data"));
        run(initdb)?;
        let supervisor = supervise(&programs, &folder, user)?;
        let mut server = Self { programs, folder, user, supervisor, databases: AtomicU32::new(0) };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Makes an empty database, whose name begins so. Returns its URL.
    pub fn database(&self, name: &str) -> Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed).to_string();
        let name: String = name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        let name = format!("{}_{number}", &name[..name.len().min(NAME_BYTES_MAX - 1 - number.len())]);
        let mut createdb = self.client("createdb");
        createdb.arg(&name);
        run(createdb)?;
        Ok(format!("postgres://{SUPERUSER}@localhost/{name}?host={}", self.folder.display()))
    }

    /// Ends the server at once, as a crash does. Its data stay.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(orders) = &mut self.supervisor.stdin.take() {
            orders.write_all(b"stop\n")?;
        }
        self.supervisor.wait().map(drop)
    }

    /// Starts the server again after [`stop`](Self::stop), and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        self.supervisor = supervise(&self.programs, &self.folder, self.user)?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started_at = Instant::now();
        while run(self.client("pg_isready")).is_err() {
            if started_at.elapsed() > READY_MAX || self.supervisor.try_wait()?.is_some() {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(Error::other(format!("PostgreSQL did not start; its log:\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn client(&self, program: &str) -> Command {
        let mut command = command(&self.programs.join(program), &self.folder, self.user);
        command.arg("--host").arg(&self.folder).args(["--username", SUPERUSER]);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn supervise(programs: &Path, folder: &Path, user: Option<User>) -> Result<Child> {
    let mut shell = command(Path::new("/bin/sh"), folder, user);
    // Ctrl-C ends the tests, and not the shell before it has removed the folder.
    shell.process_group(0).args(["-c", SUPERVISOR, "postgres-for-tests"]).arg(programs).arg(folder);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// The folder of the newest PostgreSQL that is installed.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(|path| version(path));
    let missing = "PostgreSQL is not installed, and tests need it: `make test` installs it (Debian package postgresql)";
    newest.map(|path| path.join("bin")).ok_or_else(|| Error::new(ErrorKind::NotFound, missing))
}

fn command(program: &Path, folder: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Runs a program to its end.
fn run(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::other(format!("{} failed: {said}", command.get_program().display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_ends_and_its_folder_goes_when_it_is_dropped() {
        let mut server = Postgres::start().unwrap();
        let folder = server.folder.clone();
        assert!(server.database("name-with 'letters'").unwrap().contains("/namewithletters_0?"));
        server.stop().unwrap();
        assert!(folder.join("data").exists() && run(server.client("pg_isready")).is_err());
        server.start_again().unwrap();
        drop(server);
        assert!(!folder.exists());
    }
}
