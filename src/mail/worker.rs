//! Sends what waits in the outbox, one mail after the other, and never gives one up before it expires.
//!
//! At least once across a crash: a row is deleted after its mail has left. Never twice within a process life: when that
//! deletion fails, the row is remembered as sent, and nothing else is sent until it is gone. Of several servers on one
//! database one takes a mail at a time, and keeps telling the others that it has it. It must never log an address or a
//! text, and a bad mail never holds up the next.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use slog::{Logger, info, warn};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use super::transport::{Transport, TransportError};
use super::{Message, Outbox};
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
/// The same where another server may have queued a mail and died.
const LONGEST_SLEEP_OF_MANY: Duration = Duration::from_secs(5);
/// For how long a mail is taken: another server waits for so long after a crash. More than their clocks differ.
const TAKEN_SECONDS: i64 = 30;
/// How often that is said again while it is being sent.
const TAKEN_AGAIN: Duration = Duration::from_secs(10);

/// A worker that runs.
pub struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Lives for as long as mails are sent.
    pub fn handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

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
        while !is_over(&stopping) {
            let pause = rounds.work(&stopping).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = rounds.outbox.woken() => {}
                _ = stopping.changed() => {}
            }
        }
        if let Err(error) = rounds.forget_sent().await {
            warn!(rounds.log, "mails that have left will be sent again"; "mails" => ?rounds.sent, "why" => %error);
        }
    });
    Worker { stop, task }
}

/// A worker that was dropped is to stop as well: nobody could stop it any more.
fn is_over(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
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
            match self.round(|| is_over(stopping)).await {
                Ok(more) if more && !is_over(stopping) => {}
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
        self.round(|| false).await
    }

    async fn round(&mut self, is_over: impl Fn() -> bool) -> Result<bool, StoreError> {
        self.forget_sent().await?;
        let now = (self.now)();
        let expired = self.store.write(move |w| w.outbox_delete_expired(now)).await?;
        if expired > 0 {
            self.outbox.metrics().dropped.inc_by(u64::try_from(expired).unwrap_or(0));
            warn!(self.log, "mails expired before they could be sent"; "count" => expired);
        }
        let Some(transport) = self.transport.clone() else { return Ok(false) };
        if self.resume.is_some_and(|resume| now < resume) {
            return Ok(false);
        }
        if self.store.is_shared() {
            while !is_over() {
                let (now, until) = ((self.now)(), self.taken_until());
                let Some(mail) = self.store.write(move |w| w.outbox_claim(now, until)).await? else { return Ok(false) };
                if !self.deliver(&transport, mail).await? {
                    return Ok(false);
                }
            }
            return Ok(false);
        }
        let due = self.store.read(|r| r.outbox_due(now, ROUND)).await?;
        let full = due.len() == usize::try_from(ROUND).unwrap_or(usize::MAX);
        for mail in due {
            if is_over() || !self.deliver(&transport, mail).await? {
                return Ok(false);
            }
        }
        Ok(full)
    }

    fn taken_until(&self) -> DateTime<Utc> {
        (self.now)() + chrono::Duration::seconds(TAKEN_SECONDS)
    }

    async fn send(&self, transport: &Transport, id: i64, message: &Message) -> Result<(), TransportError> {
        let sending = transport.send(message);
        if !self.store.is_shared() {
            return sending.await;
        }
        tokio::pin!(sending);
        loop {
            tokio::select! {
                outcome = &mut sending => return outcome,
                () = tokio::time::sleep(TAKEN_AGAIN) => {
                    let until = self.taken_until();
                    if let Err(error) = self.store.write(move |w| w.outbox_set_next_attempt(id, until)).await {
                        warn!(self.log, "another server may send a mail again"; "mail" => id, "why" => %error);
                    }
                }
            }
        }
    }

    /// False when the mail server is away: the others would fare no better.
    async fn deliver(&mut self, transport: &Transport, mail: OutboxMail) -> Result<bool, StoreError> {
        let Some(message) = self.outbox.open(&mail.sealed) else {
            self.outbox.metrics().dropped.inc();
            warn!(self.log, "a mail was sealed under another secret key and is dropped"; "mail" => mail.id);
            return self.delete(mail.id).await.map(|()| true);
        };
        match self.send(transport, mail.id, &message).await {
            Ok(()) => {
                self.outbox.metrics().sent.inc();
                info!(self.log, "mail sent"; "mail" => mail.id, "attempt" => mail.attempts + 1);
            }
            Err(TransportError::Refused(why)) => {
                self.outbox.metrics().dropped.inc();
                warn!(self.log, "mail refused for good and dropped"; "mail" => mail.id, "why" => why);
            }
            Err(TransportError::Deferred(why)) => {
                self.outbox.metrics().put_off.inc();
                warn!(self.log, "mail put off"; "mail" => mail.id, "why" => why);
                (self.unreachable, self.resume) = (0, None);
                return self.postpone(&mail).await.map(|()| true);
            }
            Err(TransportError::Unreachable(why)) => {
                self.outbox.metrics().put_off.inc();
                let step = self.unreachable.min(UNREACHABLE_SECONDS.len() - 1);
                let wait = UNREACHABLE_SECONDS[step];
                warn!(self.log, "mails wait"; "why" => why, "seconds" => wait);
                self.unreachable += 1;
                let now = (self.now)();
                self.resume = Some(now + chrono::Duration::seconds(wait));
                if self.store.is_shared() {
                    // Another server may reach what this one cannot.
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

    /// Before anything else is sent, and when the worker ends: else it would be sent again.
    async fn forget_sent(&mut self) -> Result<(), StoreError> {
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
        let step = usize::try_from(mail.attempts).unwrap_or(0).min(BACK_OFF_SECONDS.len() - 1);
        let (id, next) = (mail.id, (self.now)() + chrono::Duration::seconds(BACK_OFF_SECONDS[step]));
        self.store.write(move |w| w.outbox_postpone(id, next)).await
    }

    async fn pause(&self) -> Duration {
        let longest = if self.store.is_shared() { LONGEST_SLEEP_OF_MANY } else { LONGEST_SLEEP };
        let next = self.store.read(|r| r.outbox_next_attempt()).await;
        match (next, &self.transport) {
            (Ok(Some(next)), Some(_)) => {
                let due = self.resume.map_or(next, |resume| resume.max(next));
                (due - (self.now)()).to_std().unwrap_or_default().clamp(Duration::from_millis(100), longest)
            }
            _ => longest,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::mail::Message;

    /// A worker's parts around an outbox of so many mails.
    struct Scene {
        _folder: tempfile::TempDir,
        store: Store,
        outbox: Outbox,
        mails: Arc<Mutex<Vec<Message>>>,
    }

    async fn scene(count: u8) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db").into()).unwrap();
        let outbox = Outbox::new(&[7; 32], "", "http://auth.example.com");
        for number in 0..count {
            let message =
                outbox.confirm_address(&format!("{number}@example.org"), &[("amy".to_owned(), "key".to_owned())]);
            let (sealed, outbox) = (outbox.seal(&message, [number; 24]), outbox.clone());
            store.write(move |w| outbox.queue(w, &sealed, now())).await.unwrap();
        }
        Scene { _folder: folder, store, outbox, mails: Arc::default() }
    }

    impl Scene {
        fn rounds(&self) -> Rounds {
            let transport = Transport::Memory(Arc::clone(&self.mails));
            Rounds::new(self.store.clone(), self.outbox.clone(), Some(transport), Arc::new(now), log())
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
    async fn stopping_waits_for_the_mail_in_hand_only() {
        let scene = scene(5).await;
        let mails = Arc::clone(&scene.mails);
        scene.rounds().round(move || mails.lock().unwrap().len() == 2).await.unwrap();
        assert_eq!((scene.sent(), scene.waiting().await), (2, 3));
    }

    #[tokio::test]
    async fn more_mails_than_a_round_takes_all_leave_in_order() {
        let scene = scene(60).await;
        let (_stop, stopping) = watch::channel(false);
        scene.rounds().work(&stopping).await;
        let sent: Vec<_> = scene.mails.lock().unwrap().iter().map(|mail| mail.to.clone()).collect();
        assert_eq!(sent, (0..60).map(|number| format!("{number}@example.org")).collect::<Vec<_>>());
        assert_eq!(scene.waiting().await, 0);
    }

    #[tokio::test]
    async fn dropped_worker_ends() {
        let scene = scene(0).await;
        let (store, outbox) = (scene.store.clone(), scene.outbox.clone());
        let Worker { stop, task } = start(store, outbox, None, Arc::new(now), log());
        drop(stop);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn row_that_outlived_its_mail_is_only_deleted() {
        let scene = scene(1).await;
        let mut rounds = scene.rounds();
        rounds.sent.insert(1);
        rounds.once().await.unwrap();
        assert_eq!((scene.sent(), scene.waiting().await), (0, 0));
    }
}
