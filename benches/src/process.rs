//! Servers under test: started on a free port, measured, and stopped on drop.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Process {
    child: Child,
    pub port: u16,
    /// From process start to the first response.
    pub started_in: Duration,
}

impl Process {
    /// Starts a server and waits until it responds to `path`. `command` builds the command for a
    /// port.
    ///
    /// # Errors
    ///
    /// Its log, if it exits or does not respond.
    pub fn start(
        path: &str,
        log: &Path,
        command: impl FnOnce(u16) -> Command,
    ) -> Result<Process, String> {
        let port = free_port()?;
        let output = File::create(log).map_err(|e| e.to_string())?;
        let out = output.try_clone().map_err(|e| e.to_string())?;
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(out).stderr(output);
        let begun = Instant::now();
        let child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let mut process = Process { child, port, started_in: Duration::ZERO };
        while !responds(port, path) {
            let is_over =
                !matches!(process.child.try_wait(), Ok(None)) || begun.elapsed() > START_TIMEOUT;
            if is_over {
                let output = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("{command:?} does not respond: {output}"));
            }
            sleep(Duration::from_micros(200));
        }
        process.started_in = begun.elapsed();
        Ok(process)
    }

    /// Memory of the process and its descendants in MiB, with shared pages divided (PSS).
    pub fn memory_mib(&self) -> f64 {
        let mut family = vec![self.child.id()];
        let mut next = 0;
        while let Some(parent) = family.get(next) {
            let children =
                std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
            family.extend(
                children.unwrap_or_default().split(' ').filter_map(|id| id.parse::<u32>().ok()),
            );
            next += 1;
        }
        family.iter().filter_map(|id| pss_kib(*id)).sum::<f64>() / 1024.0
    }
}

impl Process {
    /// Processor time of the process, user and system, in seconds.
    #[allow(dead_code)]
    pub fn cpu_seconds(&self) -> Option<f64> {
        // Linux counts in hundredths of a second, whatever the kernel's own clock is.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name in parentheses may contain spaces.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<f64>().ok();
        Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
    }

    /// Open files of the process itself, without those of its children.
    #[allow(dead_code)]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM, so that a server stops its workers too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pss_kib(id: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

/// Returns whether there is any HTTP response.
fn responds(port: u16, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut response = [0; 8];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut response).is_ok()
        && response == *b"HTTP/1.1"
}
