//! The real server as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use test_support::smtp;

use crate::load_clients::Failure;

/// Registration enabled, rate limits disabled, email to this port; named without their prefix.
pub fn settings(smtp_port: u16) -> Vec<(&'static str, String)> {
    let fixed = [
        ("LOGIN_ENABLE_REG", "true"),
        ("RATE_LIMITS", "off"),
        ("JSON_LOG", "true"),
        ("LOG_LEVEL", "info"),
        ("EMAIL_HOST", "127.0.0.1"),
        ("EMAIL_SENDER", smtp::SENDER),
    ];
    let fixed = fixed.into_iter().map(|(key, value)| (key, value.to_owned()));
    fixed.chain([("EMAIL_PORT", smtp_port.to_string())]).collect()
}

/// A server process, killed on drop.
pub struct Server {
    child: Child,
    pub base: String,
    log: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn spawn(
        binary: &Path,
        folder: &Path,
        settings: &[(&str, String)],
    ) -> Result<(Child, ChildStderr), Failure> {
        let mut command = Command::new(binary);
        command.args(["serve", "--bind", "127.0.0.1:0"]).current_dir(folder).stderr(Stdio::piped());
        command.envs(settings.iter().map(|(key, value)| (format!("INVENTREE_{key}"), value)));
        let mut child = command.spawn()?;
        let log = child.stderr.take().ok_or("a server without a log")?;
        Ok((child, log))
    }

    pub fn start(
        binary: &Path,
        folder: &Path,
        settings: &[(&str, String)],
    ) -> Result<Server, Failure> {
        let (child, log) = Server::spawn(binary, folder, settings)?;
        let mut server = Server { child, base: String::new(), log: None };
        let mut lines = BufReader::new(log).lines();
        let mut before = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            before.push(line);
            if parsed["msg"] == "listening" {
                let address = parsed["address"].as_str().ok_or("no address in the log")?;
                server.base = format!("http://{address}");
                // Drained, because a full pipe would block the server. Responses while the
                // database is unavailable are checked by the clients.
                let is_away = |line: &str| line.contains("\"status\":503");
                let alarming = move |line: &String| {
                    line.contains("panicked") || line.contains("\"level\":50") && !is_away(line)
                };
                let read = move || lines.map_while(Result::ok).filter(alarming).collect();
                server.log = Some(std::thread::spawn(read));
                return Ok(server);
            }
        }
        Err(format!("the server did not start: {}", before.join("\n")).into())
    }

    /// SIGKILL. Returns unexpected log lines.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        let alarming = self.log.take().map(std::thread::JoinHandle::join);
        match alarming {
            Some(Ok(lines)) if lines.is_empty() => Ok(()),
            Some(Ok(lines)) => Err(format!("the server's log: {}", lines.join("\n")).into()),
            _ => Err("the server's log could not be read".into()),
        }
    }
}
