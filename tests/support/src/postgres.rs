//! A PostgreSQL server in a temporary folder, run with the programs of Debian's package.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The port of the server for tests; without it they use files.
pub const PORT: &str = "TEST_POSTGRESQL_PORT";
/// The data directory of that server.
pub const DATA: &str = "TEST_POSTGRESQL_DATA";
pub const USER: &str = "test";

/// The name of a new, empty database and the port of its server; `None` if tests use files.
pub fn fresh_database() -> Option<(String, u16)> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let port: u16 = std::env::var(PORT).ok()?.parse().expect(PORT);
    let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
    execute(port, "postgres", &format!("CREATE DATABASE {name}"));
    Some((name, port))
}

/// Runs on a thread of its own: the client runs a runtime, and tests run inside one.
pub fn execute(port: u16, database: &str, sql: &str) {
    try_execute(port, database, sql).unwrap();
}

pub fn try_execute(port: u16, database: &str, sql: &str) -> Result<(), String> {
    try_execute_as(USER, port, database, sql)
}

/// Like `try_execute`, as another role.
pub fn try_execute_as(user: &str, port: u16, database: &str, sql: &str) -> Result<(), String> {
    let (user, database, sql) = (user.to_owned(), database.to_owned(), sql.to_owned());
    let in_words = |error: postgres::Error| match error.as_db_error() {
        Some(told) => told.message().to_owned(),
        None => error.to_string(),
    };
    let run = move || client_of(&user, port, &database).batch_execute(&sql).map_err(in_words);
    std::thread::spawn(run).join().unwrap()
}

/// Runs `sql` and leaves its transaction open. Drop the client on a thread without a runtime.
pub fn begin(port: u16, database: &str, sql: &'static str) -> postgres::Client {
    let database = database.to_owned();
    let run = move || {
        let mut client = client(port, &database);
        client.batch_execute(sql).unwrap();
        client
    };
    std::thread::spawn(run).join().unwrap()
}

/// The first column of the result, as texts.
pub fn texts(port: u16, database: &str, sql: &str) -> Vec<String> {
    let (database, sql) = (database.to_owned(), sql.to_owned());
    let rows = std::thread::spawn(move || client(port, &database).simple_query(&sql).unwrap())
        .join()
        .unwrap();
    rows.iter()
        .filter_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => {
                Some(row.get(0).unwrap_or_default().to_owned())
            }
            _ => None,
        })
        .collect()
}

fn client(port: u16, database: &str) -> postgres::Client {
    client_of(USER, port, database)
}

fn client_of(user: &str, port: u16, database: &str) -> postgres::Client {
    let mut config = postgres::Config::new();
    config.host("127.0.0.1").port(port).user(user).dbname(database);
    config.connect(postgres::NoTls).unwrap()
}

pub fn url(port: u16, database: &str) -> String {
    format!("postgresql://{USER}@127.0.0.1:{port}/{database}")
}

/// The directory of the newest server programs.
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .max()
}

pub struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    pub port: u16,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Cluster {
    /// `None` if the programs are missing.
    pub fn start(is_durable: bool) -> Option<Cluster> {
        Cluster::with(vec![format!("fsync={}", if is_durable { "on" } else { "off" })], &[])
    }

    /// With settings, and additional files in the data directory.
    pub fn with(settings: Vec<String>, files: &[(&str, &str)]) -> Option<Cluster> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("postgresql-").tempdir().unwrap();
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .unwrap();
            if let Some((user, group)) = unprivileged() {
                std::os::unix::fs::chown(&path, Some(user), Some(group)).unwrap();
            }
        }
        let mut cluster = Cluster { programs, folder, port, settings, server: None };
        let data = cluster.data();
        let mut make = cluster.program("initdb");
        make.arg("-D").arg(data).args([
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        let made = make.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.run();
        Some(cluster)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = unprivileged() {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts the server and waits until it accepts connections.
    pub fn run(&mut self) {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let mut command = self.program("postgres");
            command.arg("-D").arg(self.data()).args([
                "-p",
                &self.port.to_string(),
                "-h",
                "127.0.0.1",
                "-k",
                "",
            ]);
            for setting in ["max_connections=300", "wal_level=minimal", "max_wal_senders=0"] {
                command.args(["-c", setting]);
            }
            for setting in &self.settings {
                command.args(["-c", setting]);
            }
            let mut server = command
                .stdout(log.try_clone().unwrap())
                .stderr(log.try_clone().unwrap())
                .spawn()
                .unwrap();
            while server.try_wait().unwrap().is_none() {
                if self.accepts() {
                    self.server = Some(server);
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            // The shared memory of the previous server is still being released.
            assert!(
                Instant::now() < end,
                "{}",
                fs::read_to_string(self.folder.path().join("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn accepts(&self) -> bool {
        let mut config = postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(USER)
            .dbname("postgres")
            .connect_timeout(Duration::from_secs(1));
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
            && std::thread::spawn(move || config.connect(postgres::NoTls).is_ok()).join().unwrap()
    }

    /// Stops all its processes (SIGSTOP) until the value is dropped.
    pub fn freeze(&self) -> Frozen {
        let id = self.server.as_ref().unwrap().id();
        let frozen = Frozen(std::iter::once(id).chain(children(id)).collect());
        frozen.signal(rustix::process::Signal::STOP);
        frozen
    }

    /// `kill -9` of all its processes.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let id = server.id();
        let all = Frozen(std::iter::once(id).chain(children(id)).collect());
        all.signal(rustix::process::Signal::KILL);
        server.wait().unwrap();
    }
}

pub struct Frozen(Vec<u32>);

impl Frozen {
    fn signal(&self, signal: rustix::process::Signal) {
        for process in &self.0 {
            let process = rustix::process::Pid::from_raw(process.cast_signed()).unwrap();
            let _ = rustix::process::kill_process(process, signal);
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal(rustix::process::Signal::CONT);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process| parent_of(*process) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat =
        fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    // The name, in parentheses, may contain any character.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// PostgreSQL does not run as root, so run it as the package's user.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .expect("the user of Debian's package");
    let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
    Some((ids.next().unwrap(), ids.next().unwrap()))
}
