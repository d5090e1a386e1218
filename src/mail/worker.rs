//! Sends what waits in the outbox, one mail after the other, and never gives one up before it expires.
//!
//! At least once across a crash: a row is deleted after its mail has left. Never twice within a process life: when that
//! deletion fails, the row is remembered as sent and only the deletion is tried again. It must never log an address or a
//! text, and a bad mail never holds up the next.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use slog::{Logger, info, warn};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Outbox;
use super::transport::{Transport, TransportError};
use crate::store::{OutboxMail, Store, StoreError};

pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How long to wait after the n-th failure; the last one repeats.
const BACK_OFF_SECONDS: [i64; 7] = [30, 60, 120, 300, 600, 1800, 3600];
/// How long to leave a mail server alone that could not be reached; the last one repeats.
const UNREACHABLE_SECONDS: [i64; 5] = [2, 5, 10, 30, 60];
/// Rows taken at once.
const ROUND: i64 = 50;
/// Longest sleep: a clock may jump, another process may queue.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// A worker that runs.
pub struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Finishes the mail in hand.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

pub fn start(store: Store, outbox: Outbox, transport: Option<Transport>, now: Now, log: Logger) -> Worker {
    let (stop, mut stopping) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut rounds = Rounds::new(store, outbox, transport, now, log);
        while !*stopping.borrow() {
            let pause = rounds.work(&stopping).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = rounds.outbox.woken() => {}
                _ = stopping.changed() => {}
            }
        }
    });
    Worker { stop, task }
}

/// One worker's state, apart from its waiting, so that a test can drive it by hand.
pub struct Rounds {
    store: Store,
    outbox: Outbox,
    transport: Option<Transport>,
    now: Now,
    log: Logger,
    /// Left, but still in the outbox.
    sent: HashSet<i64>,
    /// The mail server could not be reached so many times in a row, and is left alone until then.
    unreachable: usize,
    resume: Option<DateTime<Utc>>,
}

impl Rounds {
    pub fn new(store: Store, outbox: Outbox, transport: Option<Transport>, now: Now, log: Logger) -> Rounds {
        Rounds { store, outbox, transport, now, log, sent: HashSet::new(), unreachable: 0, resume: None }
    }

    /// Until nothing is due; then how long to wait.
    async fn work(&mut self, stopping: &watch::Receiver<bool>) -> Duration {
        loop {
            match self.once().await {
                Ok(more) if more && !*stopping.borrow() => {}
                Ok(_) => return self.pause().await,
                Err(error) => {
                    warn!(self.log, "the outbox cannot be read or written"; "why" => %error);
                    return Duration::from_secs(5);
                }
            }
        }
    }

    /// One round over what is due now. True when there may be more.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn once(&mut self) -> Result<bool, StoreError> {
        let now = (self.now)();
        let expired = self.store.write(move |w| w.outbox_delete_expired(now)).await?;
        if expired > 0 {
            warn!(self.log, "mails expired before they could be sent"; "count" => expired);
        }
        let Some(transport) = self.transport.clone() else { return Ok(false) };
        if self.resume.is_some_and(|resume| now < resume) {
            return Ok(false);
        }
        let due = self.store.read(|r| r.outbox_due(now, ROUND)).await?;
        let full = due.len() == usize::try_from(ROUND).unwrap_or(usize::MAX);
        for mail in due {
            if !self.deliver(&transport, mail).await? {
                return Ok(false);
            }
        }
        Ok(full)
    }

    /// False when the mail server is away: the others would fare no better.
    async fn deliver(&mut self, transport: &Transport, mail: OutboxMail) -> Result<bool, StoreError> {
        if !self.sent.contains(&mail.id) {
            let Some(message) = self.outbox.open(&mail.sealed) else {
                warn!(self.log, "a mail was sealed under another secret key and is dropped"; "mail" => mail.id);
                return self.delete(mail.id).await.map(|()| true);
            };
            match transport.send(&message).await {
                Ok(()) => {
                    info!(self.log, "mail sent"; "mail" => mail.id, "attempt" => mail.attempts + 1);
                }
                Err(TransportError::Refused(why)) => {
                    warn!(self.log, "mail refused for good and dropped"; "mail" => mail.id, "why" => why);
                }
                Err(TransportError::Deferred(why)) => {
                    warn!(self.log, "mail put off"; "mail" => mail.id, "why" => why);
                    (self.unreachable, self.resume) = (0, None);
                    return self.postpone(&mail).await.map(|()| true);
                }
                Err(TransportError::Unreachable(why)) => {
                    let step = self.unreachable.min(UNREACHABLE_SECONDS.len() - 1);
                    let wait = UNREACHABLE_SECONDS[step];
                    warn!(self.log, "mails wait"; "why" => why, "seconds" => wait);
                    self.unreachable += 1;
                    self.resume = Some((self.now)() + chrono::Duration::seconds(wait));
                    return Ok(false);
                }
            }
            (self.unreachable, self.resume) = (0, None);
            self.sent.insert(mail.id);
        }
        self.delete(mail.id).await?;
        Ok(true)
    }

    async fn delete(&mut self, id: i64) -> Result<(), StoreError> {
        self.store.write(move |w| w.outbox_delete(id)).await?;
        self.sent.remove(&id);
        Ok(())
    }

    async fn postpone(&self, mail: &OutboxMail) -> Result<(), StoreError> {
        let step = usize::try_from(mail.attempts).unwrap_or(0).min(BACK_OFF_SECONDS.len() - 1);
        let (id, next) = (mail.id, (self.now)() + chrono::Duration::seconds(BACK_OFF_SECONDS[step]));
        self.store.write(move |w| w.outbox_postpone(id, next)).await
    }

    async fn pause(&self) -> Duration {
        let next = self.store.read(|r| r.outbox_next_attempt()).await;
        match (next, &self.transport) {
            (Ok(Some(next)), Some(_)) => {
                let due = self.resume.map_or(next, |resume| resume.max(next));
                (due - (self.now)()).to_std().unwrap_or_default().clamp(Duration::from_millis(100), LONGEST_SLEEP)
            }
            _ => LONGEST_SLEEP,
        }
    }
}
