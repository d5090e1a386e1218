//! A MariaDB server in a temporary folder, run with the programs of Debian's package.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Server {
    /// # Panics
    ///
    /// If the programs are missing.
    pub fn start() -> Server {
        let folder = tempfile::Builder::new().prefix("mariadb-").tempdir().unwrap();
        let data = format!("--datadir={}", folder.path().join("data").display());
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args([&data, &user()])
            .output()
            .expect("MariaDB is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let program = ["/usr/sbin/mariadbd", "mariadbd"].map(PathBuf::from);
        let program = program.iter().find(|path| path.is_file()).unwrap_or(&program[1]);
        let process = Command::new(program)
            .args(["--no-defaults", "--skip-networking", &data, &user()])
            .arg(socket(&folder))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { folder, process };
        let end = Instant::now() + Duration::from_secs(60);
        while !server.client("mariadb", &["-e", "SELECT 1"]).output().unwrap().status.success() {
            assert!(Instant::now() < end, "MariaDB does not respond");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Runs statements in a new database.
    pub fn create(&self, database: &str, sql: &str) {
        let mut client = self.client("mariadb", &[]);
        let mut client = client.stdin(Stdio::piped()).spawn().unwrap();
        let sql = format!("CREATE DATABASE {database}; USE {database}; {sql}");
        client.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        assert!(client.wait().unwrap().success());
    }

    pub fn dump(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.client("mariadb-dump", arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn client(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["--no-defaults", "--user=root"]).arg(socket(&self.folder)).args(arguments);
        command
    }
}

fn socket(folder: &tempfile::TempDir) -> String {
    format!("--socket={}", folder.path().join("socket").display())
}

/// The server refuses to run as root unless told to.
fn user() -> String {
    let is_root = rustix::process::geteuid().is_root();
    let name = if is_root { "root".to_owned() } else { std::env::var("USER").unwrap_or_default() };
    format!("--user={name}")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
