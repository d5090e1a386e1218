//! Outbox worker: sends queued emails one by one, and retries each until it expires.
//!
//! Delivery is at least once across a crash: a row is deleted after its email was sent. It is
//! exactly once within a process: if the deletion fails, the row is remembered as sent, and no
//! other email is sent until it is deleted. With several servers on one database, a server claims
//! one email at a time and renews the claim while sending. The log never contains an address or a
//! text, and a failing email never blocks the next.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use slog::{Logger, info, warn};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use super::error::TransportError;
use super::transport::Transport;
use super::{Message, Outbox};
use crate::store::{OutboxMail, Store, StoreError};

pub type NowFn = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Delay after the n-th failure of an email; the last one repeats.
const RETRY_SECONDS: [i64; 7] = [30, 60, 120, 300, 600, 1800, 3600];
/// Delay after the n-th failure to reach the mail server; the last one repeats.
const RECONNECT_SECONDS: [i64; 5] = [2, 5, 10, 30, 60];
/// Rows per read.
const BATCH: i64 = 50;
/// Maximum sleep: the clock may jump, and another process may queue.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// Maximum sleep if another server may have queued an email and crashed.
const MAX_SLEEP_SHARED: Duration = Duration::from_secs(5);
/// Lifetime of a claim, after which another server takes over. Longer than the difference of their
/// clocks.
const CLAIM_SECONDS: i64 = 30;
/// Interval for renewing a claim while sending.
const CLAIM_RENEWAL_INTERVAL: Duration = Duration::from_secs(10);

/// Handle of a running worker.
pub struct WorkerHandle {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl WorkerHandle {
    /// Shows whether the worker is still running.
    pub fn handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// Stops the worker after the current email.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

pub fn start(
    store: Store,
    outbox: Outbox,
    transport: Option<Transport>,
    now: NowFn,
    log: Logger,
) -> WorkerHandle {
    let (stop, mut stopping) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut worker = OutboxWorker::new(store, outbox, transport, now, log);
        while !is_stopping(&stopping) {
            let delay = worker.work(&stopping).await;
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = worker.outbox.wait_for_wake() => {}
                _ = stopping.changed() => {}
            }
        }
        if let Err(error) = worker.delete_sent().await {
            warn!(worker.log, "sent emails could not be deleted and will be sent again";
                "emails" => ?worker.sent, "why" => %error);
        }
    });
    WorkerHandle { stop, task }
}

/// A dropped handle stops the worker too.
fn is_stopping(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
}

/// State of a worker without its waiting, so that tests can step through it.
pub struct OutboxWorker {
    store: Store,
    outbox: Outbox,
    transport: Option<Transport>,
    now: NowFn,
    log: Logger,
    /// Sent, but not yet deleted.
    sent: HashSet<i64>,
    /// Consecutive failures to reach the mail server, and the time of the next attempt.
    unreachable: usize,
    resume: Option<DateTime<Utc>>,
}

impl OutboxWorker {
    pub fn new(
        store: Store,
        outbox: Outbox,
        transport: Option<Transport>,
        now: NowFn,
        log: Logger,
    ) -> OutboxWorker {
        OutboxWorker {
            store,
            outbox,
            transport,
            now,
            log,
            sent: HashSet::new(),
            unreachable: 0,
            resume: None,
        }
    }

    /// Sends until nothing is due; returns how long to sleep.
    async fn work(&mut self, stopping: &watch::Receiver<bool>) -> Duration {
        loop {
            match self.run_batch(|| is_stopping(stopping)).await {
                Ok(more) if more && !is_stopping(stopping) => {}
                Ok(_) => return self.sleep_time().await,
                Err(error) => {
                    warn!(self.log, "failed to access the outbox"; "why" => %error);
                    return Duration::from_secs(5);
                }
            }
        }
    }

    /// Sends one batch of due emails. True if there may be more.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn run_once(&mut self) -> Result<bool, StoreError> {
        self.run_batch(|| false).await
    }

    async fn run_batch(&mut self, is_stopping: impl Fn() -> bool) -> Result<bool, StoreError> {
        self.delete_sent().await?;
        let now = (self.now)();
        let expired = self.store.write(move |w| w.outbox_delete_expired(now)).await?;
        if expired > 0 {
            self.outbox.metrics().dropped.inc_by(u64::try_from(expired).unwrap_or(0));
            warn!(self.log, "emails expired before they could be sent"; "count" => expired);
        }
        let Some(transport) = self.transport.clone() else { return Ok(false) };
        if self.resume.is_some_and(|resume| now < resume) {
            return Ok(false);
        }
        if self.store.is_shared() {
            while !is_stopping() {
                let (now, until) = ((self.now)(), self.claim_until());
                let Some(mail) = self.store.write(move |w| w.outbox_claim(now, until)).await?
                else {
                    return Ok(false);
                };
                if !self.deliver(&transport, mail).await? {
                    return Ok(false);
                }
            }
            return Ok(false);
        }
        let due = self.store.read(|r| r.outbox_due(now, BATCH)).await?;
        let full = due.len() == usize::try_from(BATCH).unwrap_or(usize::MAX);
        for mail in due {
            if is_stopping() || !self.deliver(&transport, mail).await? {
                return Ok(false);
            }
        }
        Ok(full)
    }

    fn claim_until(&self) -> DateTime<Utc> {
        (self.now)() + chrono::Duration::seconds(CLAIM_SECONDS)
    }

    async fn send(
        &self,
        transport: &Transport,
        id: i64,
        message: &Message,
    ) -> Result<(), TransportError> {
        let sending = transport.send(message);
        if !self.store.is_shared() {
            return sending.await;
        }
        tokio::pin!(sending);
        loop {
            tokio::select! {
                outcome = &mut sending => return outcome,
                () = tokio::time::sleep(CLAIM_RENEWAL_INTERVAL) => {
                    let until = self.claim_until();
                    let renewed = self.store.write(move |w| w.outbox_set_next_attempt(id, until));
                    if let Err(error) = renewed.await {
                        warn!(self.log, "failed to renew the claim on an email: another server may \
                            send it again";
                            "email" => id, "why" => %error);
                    }
                }
            }
        }
    }

    /// False if the mail server is unreachable, as the other emails would fail too.
    async fn deliver(
        &mut self,
        transport: &Transport,
        mail: OutboxMail,
    ) -> Result<bool, StoreError> {
        let Some(message) = self.outbox.open(&mail) else {
            self.outbox.metrics().dropped.inc();
            warn!(self.log, "email dropped: encrypted under another secret \
                key"; "email" => mail.id);
            return self.delete(mail.id).await.map(|()| true);
        };
        match self.send(transport, mail.id, &message).await {
            Ok(()) => {
                self.outbox.metrics().sent.inc();
                info!(self.log, "email sent"; "email" => mail.id, "attempt" => mail.attempts + 1);
            }
            Err(TransportError::Refused(why)) => {
                self.outbox.metrics().dropped.inc();
                warn!(self.log, "email dropped: permanently \
                    rejected"; "email" => mail.id, "why" => why);
            }
            Err(TransportError::Deferred(why)) => {
                self.outbox.metrics().deferred.inc();
                warn!(self.log, "email deferred"; "email" => mail.id, "why" => why);
                (self.unreachable, self.resume) = (0, None);
                return self.postpone(&mail).await.map(|()| true);
            }
            Err(TransportError::Unreachable(why)) => {
                self.outbox.metrics().deferred.inc();
                let step = self.unreachable.min(RECONNECT_SECONDS.len() - 1);
                let wait = RECONNECT_SECONDS[step];
                warn!(self.log, "mail server unreachable, backing off";
                    "server" => transport.server(), "why" => why, "seconds" => wait);
                self.unreachable += 1;
                let now = (self.now)();
                self.resume = Some(now + chrono::Duration::seconds(wait));
                if self.store.is_shared() {
                    // Release the claim: another server may reach the mail server.
                    self.store.write(move |w| w.outbox_set_next_attempt(mail.id, now)).await?;
                }
                return Ok(false);
            }
        }
        (self.unreachable, self.resume) = (0, None);
        self.sent.insert(mail.id);
        self.delete(mail.id).await?;
        Ok(true)
    }

    /// Deletes rows of sent emails, before sending others and at the end: otherwise they would be
    /// sent again.
    async fn delete_sent(&mut self) -> Result<(), StoreError> {
        for id in self.sent.clone() {
            self.delete(id).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, id: i64) -> Result<(), StoreError> {
        self.store.write(move |w| w.outbox_delete(id)).await?;
        self.sent.remove(&id);
        Ok(())
    }

    async fn postpone(&self, mail: &OutboxMail) -> Result<(), StoreError> {
        let step = usize::try_from(mail.attempts).unwrap_or(0).min(RETRY_SECONDS.len() - 1);
        let (id, next) = (mail.id, (self.now)() + chrono::Duration::seconds(RETRY_SECONDS[step]));
        self.store.write(move |w| w.outbox_postpone(id, next)).await
    }

    async fn sleep_time(&self) -> Duration {
        let longest = if self.store.is_shared() { MAX_SLEEP_SHARED } else { MAX_SLEEP };
        let next = self.store.read(|r| r.outbox_next_attempt()).await;
        match (next, &self.transport) {
            (Ok(Some(next)), Some(_)) => {
                let due = self.resume.map_or(next, |resume| resume.max(next));
                (due - (self.now)())
                    .to_std()
                    .unwrap_or_default()
                    .clamp(Duration::from_millis(100), longest)
            }
            _ => longest,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::languages::Languages;
    use crate::mail::{Message, Request, Site};

    /// A store with `count` queued emails.
    struct Fixture {
        _folder: tempfile::TempDir,
        store: Store,
        outbox: Outbox,
        mails: Arc<Mutex<Vec<Message>>>,
    }

    async fn fixture(count: u8) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db").into()).unwrap();
        let site = Site {
            product: String::new(),
            contact: None,
            prefix: String::new(),
            url: "http://auth.example.com".to_owned(),
            languages: Arc::new(Languages::new(None, "").unwrap()),
        };
        let request = Request { at: now(), address: "", user_agent: "", language: "" };
        let outbox = Outbox::new(&[7; 32], site);
        for number in 0..count {
            let message = outbox.confirm_address(
                &format!("{number}@example.org"),
                &[("amy".to_owned(), "key".to_owned())],
                3,
                &request,
            );
            let (sealed, outbox) = (outbox.seal(&message, [number; 24]), outbox.clone());
            store.write(move |w| outbox.queue(w, &sealed, now())).await.unwrap();
        }
        Fixture { _folder: folder, store, outbox, mails: Arc::default() }
    }

    impl Fixture {
        fn worker(&self) -> OutboxWorker {
            let transport = Transport::Memory(Arc::clone(&self.mails));
            OutboxWorker::new(
                self.store.clone(),
                self.outbox.clone(),
                Some(transport),
                Arc::new(now),
                log(),
            )
        }

        fn sent(&self) -> usize {
            self.mails.lock().unwrap().len()
        }

        async fn waiting(&self) -> i64 {
            self.store.read(|r| r.outbox_count()).await.unwrap()
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn log() -> Logger {
        Logger::root(slog::Discard, slog::o!())
    }

    #[tokio::test]
    async fn shutdown_waits_for_the_current_email_only() {
        let fixture = fixture(5).await;
        let mails = Arc::clone(&fixture.mails);
        fixture.worker().run_batch(move || mails.lock().unwrap().len() == 2).await.unwrap();
        assert_eq!((fixture.sent(), fixture.waiting().await), (2, 3));
    }

    #[tokio::test]
    async fn outbox_larger_than_a_batch_is_sent_in_order() {
        let fixture = fixture(60).await;
        let (_stop, stopping) = watch::channel(false);
        fixture.worker().work(&stopping).await;
        let sent: Vec<_> =
            fixture.mails.lock().unwrap().iter().map(|mail| mail.to.clone()).collect();
        assert_eq!(sent, (0..60).map(|number| format!("{number}@example.org")).collect::<Vec<_>>());
        assert_eq!(fixture.waiting().await, 0);
    }

    #[tokio::test]
    async fn worker_stops_when_dropped() {
        let fixture = fixture(0).await;
        let (store, outbox) = (fixture.store.clone(), fixture.outbox.clone());
        let WorkerHandle { stop, task } = start(store, outbox, None, Arc::new(now), log());
        drop(stop);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn row_of_a_sent_email_is_deleted_without_resending() {
        let fixture = fixture(1).await;
        let mut worker = fixture.worker();
        worker.sent.insert(1);
        worker.run_once().await.unwrap();
        assert_eq!((fixture.sent(), fixture.waiting().await), (0, 0));
    }
}
