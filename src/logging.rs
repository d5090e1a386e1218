//! The log, written by a dedicated thread so that no request waits for it.
//!
//! Lines that arrive faster than they are written are dropped, but not silently: each is counted,
//! and one line reports how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use slog::{Drain, Level, Logger, Never, OwnedKVList, Record, o};
use slog_async::AsyncCore;

use crate::metrics;

/// Lines that wait to be written.
const QUEUE_LINES: usize = 4096;

/// A logger for people, or for machines with `json`, to standard error.
pub fn logger(level: Level, json: bool, metrics: &metrics::Logging) -> Logger {
    if json {
        let drain = slog_bunyan::with_name("inventree-auth", std::io::stderr()).build();
        queued(std::sync::Mutex::new(drain).fuse(), level, metrics)
    } else {
        let drain = slog_term::FullFormat::new(slog_term::TermDecorator::new().stderr().build());
        queued(drain.use_custom_timestamp(write_utc).build().fuse(), level, metrics)
    }
}

/// The time of a log line, with its zone: the default of the terminal format has none.
fn write_utc(line: &mut dyn std::io::Write) -> std::io::Result<()> {
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    line.write_all(now.as_bytes())
}

fn queued<D>(drain: D, level: Level, metrics: &metrics::Logging) -> Logger
where
    D: Drain<Ok = (), Err = Never> + Send + 'static,
{
    let unreported = Arc::new(AtomicU64::new(0));
    // The first report waits for nothing.
    let since_report = AtomicUsize::new(QUEUE_LINES);
    let writer = Writer { drain, unreported: Arc::clone(&unreported), since_report };
    let queue = AsyncCore::custom(writer).chan_size(QUEUE_LINES).build();
    let queue = Queue { queue, metrics: metrics.clone(), unreported };
    Logger::root(queue.filter_level(level).fuse(), o!())
}

/// Before the queue: counts the lines that it does not take.
struct Queue {
    queue: AsyncCore,
    metrics: metrics::Logging,
    unreported: Arc<AtomicU64>,
}

impl Drain for Queue {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        if self.queue.log(record, values).is_err() {
            self.metrics.dropped.inc();
            self.unreported.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The drain behind the queue. Reports dropped lines, at most once per [`QUEUE_LINES`] lines, and
/// those not yet reported when the log is closed.
struct Writer<D: Drain<Ok = (), Err = Never>> {
    drain: D,
    unreported: Arc<AtomicU64>,
    since_report: AtomicUsize,
}

impl<D: Drain<Ok = (), Err = Never>> Writer<D> {
    fn report(&self) -> Result<(), Never> {
        let dropped = self.unreported.swap(0, Ordering::Relaxed);
        if dropped == 0 {
            return Ok(());
        }
        self.since_report.store(0, Ordering::Relaxed);
        let message = format_args!("log lines dropped");
        let counted = slog::b!("count" => dropped);
        let report = slog::record!(Level::Warning, "", &message, counted);
        self.drain.log(&report, &o!().into())
    }
}

impl<D: Drain<Ok = (), Err = Never>> Drain for Writer<D> {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        self.drain.log(record, values)?;
        match self.since_report.fetch_add(1, Ordering::Relaxed) {
            0..QUEUE_LINES => Ok(()),
            _ => self.report(),
        }
    }
}

impl<D: Drain<Ok = (), Err = Never>> Drop for Writer<D> {
    /// A line can be dropped and counted only after the last one of the queue was written.
    fn drop(&mut self) {
        let Ok(()) = self.report();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex, PoisonError};

    use super::*;

    /// Writes nothing until released.
    #[derive(Clone, Default)]
    struct Slow(Arc<Gate>);

    #[derive(Default)]
    struct Gate {
        /// Whether it is open, and the lines written.
        state: Mutex<(bool, Vec<String>)>,
        opened: Condvar,
    }

    impl Slow {
        fn release(&self) {
            self.0.state.lock().unwrap().0 = true;
            self.0.opened.notify_all();
        }

        fn written(&self) -> Vec<String> {
            self.0.state.lock().unwrap().1.clone()
        }
    }

    impl Drain for Slow {
        type Ok = ();
        type Err = Never;

        fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
            let held = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut held = self
                .0
                .opened
                .wait_while(held, |held| !held.0)
                .unwrap_or_else(PoisonError::into_inner);
            let mut counts = Counts::default();
            let _ = slog::KV::serialize(&record.kv(), record, &mut counts);
            held.1.push(format!("{}{}", record.msg(), counts.0));
            Ok(())
        }
    }

    #[derive(Default)]
    struct Counts(String);

    impl slog::Serializer for Counts {
        fn emit_arguments(
            &mut self,
            key: slog::Key,
            value: &std::fmt::Arguments<'_>,
        ) -> slog::Result {
            self.0 += &format!(" {key}={value}");
            Ok(())
        }
    }

    #[test]
    fn dropped_lines_are_counted_and_reported_in_one_line() {
        let (slow, metrics) = (Slow::default(), metrics::Logging::default());
        let log = queued(slow.clone(), Level::Info, &metrics);
        // One is in the hand of the thread that writes, or still in the queue.
        let sent = QUEUE_LINES + 1000;
        for _ in 0..sent {
            slog::info!(log, "line");
        }
        let dropped = metrics.dropped.get();
        assert!((999..=1000).contains(&dropped), "{dropped}");
        slow.release();
        // Waits for all that is in the queue.
        drop(log);
        let written = slow.written();
        let reports: Vec<&String> = written.iter().filter(|line| *line != "line").collect();
        assert_eq!(reports, [&format!("log lines dropped count={dropped}")]);
        assert_eq!(written.len() as u64 - 1 + dropped, sent as u64);
    }

    #[test]
    fn drops_after_a_report_are_reported_as_well() {
        let (slow, metrics) = (Slow::default(), metrics::Logging::default());
        let log = queued(slow.clone(), Level::Info, &metrics);
        slow.release();
        for _ in 0..10 * QUEUE_LINES {
            slog::info!(log, "line");
        }
        drop(log);
        let reported =
            |line: &String| line.strip_prefix("log lines dropped count=")?.parse::<u64>().ok();
        assert_eq!(slow.written().iter().filter_map(reported).sum::<u64>(), metrics.dropped.get());
    }
}
