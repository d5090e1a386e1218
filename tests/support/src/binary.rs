//! The binary run by a shell, with resource limits and a database of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

pub struct Binary {
    pub process: Child,
    pub address: SocketAddr,
    pub folder: tempfile::TempDir,
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Binary {
    /// Starts it with registration enabled, rate limits disabled and no mail server, after the
    /// shell command `first`.
    pub fn start(program: &str, first: &str) -> Binary {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{first}; exec \"$0\" serve --bind 127.0.0.1:0"), program]);
        command
            .env("INVENTREE_DB_NAME", folder.path().join("auth.sqlite3"))
            .env("INVENTREE_JSON_LOG", "true");
        command.env("INVENTREE_LOGIN_ENABLE_REG", "true").env("INVENTREE_RATE_LIMITS", "off");
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening = lines
            .find(|line| line.as_ref().is_ok_and(|line| line.contains("\"listening\"")))
            .unwrap();
        let listening: serde_json::Value = serde_json::from_str(&listening.unwrap()).unwrap();
        let address = listening["address"].as_str().unwrap().parse().unwrap();
        // Drained, so that the server never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Binary { process, address, folder }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/api/auth/{path}", self.address)
    }
}
