use std::sync::Mutex;

use chrono::Duration;

use super::*;

struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += Duration::seconds(seconds);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

fn at(address: &str) -> Client {
    Client { address: address.to_owned(), ..Client::default() }
}

fn memory_limits(clock: &Arc<ManualClock>) -> Limits {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Limits { buckets: Buckets::Own(Memory::default()), clock, metrics: Default::default() }
}

fn limits() -> (Limits, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock(Mutex::new(DateTime::UNIX_EPOCH)));
    (memory_limits(&clock), clock)
}

fn memory(limits: &Limits) -> &Memory {
    let Buckets::Own(memory) = &limits.buckets else { panic!("not in memory") };
    memory
}

async fn guess_as(
    limits: &Limits,
    account: &str,
    client: &str,
    client_trust: ClientTrust,
) -> Result<Attempt, DomainError> {
    limits.reserve_login(account, &at(client), async { Ok(client_trust) }).await
}

async fn guess(limits: &Limits, account: &str, client: &str) -> Result<Attempt, DomainError> {
    guess_as(limits, account, client, ClientTrust::Unknown).await
}

fn wait(outcome: Result<Attempt, DomainError>) -> u64 {
    match outcome {
        Ok(_) => 0,
        Err(DomainError::Throttled { wait_seconds }) => wait_seconds,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn eleventh_guess_waits_until_the_bucket_refills() {
    let (limits, clock) = limits();
    for _ in 0..10 {
        let _ = guess(&limits, "amy", "192.0.2.1").await.unwrap();
    }
    // The rejected attempt counts too.
    assert_eq!(wait(guess(&limits, "amy", "192.0.2.1").await), 60);
    clock.advance(60);
    assert!(guess(&limits, "amy", "192.0.2.1").await.is_ok());
}

#[tokio::test]
async fn refused_attempts_lengthen_the_wait_up_to_a_bound() {
    let (limits, clock) = limits();
    let mut waits = Vec::new();
    for _ in 0..30 {
        waits.push(wait(guess(&limits, "amy", "192.0.2.1").await));
    }
    let refused = &waits[10..];
    assert!(refused.is_sorted() && refused[0] == 60 && refused[9] == 330, "{waits:?}");
    assert!(refused[10..].iter().all(|wait| *wait == 330), "{waits:?}");
    // Other clients do not wait.
    assert_eq!(wait(guess(&limits, "amy", "192.0.2.2").await), 0);
    clock.advance(330);
    assert_eq!(wait(guess(&limits, "amy", "192.0.2.1").await), 0);
}

#[tokio::test]
async fn refused_attempt_does_not_charge_the_account() {
    let (limits, clock) = limits();
    for client in 0..10 {
        for _ in 0..10 {
            let _ = guess(&limits, "amy", &format!("192.0.2.{client}")).await.unwrap();
        }
    }
    for _ in 0..50 {
        assert!(guess(&limits, "amy", "192.0.2.66").await.is_err());
    }
    assert_eq!(wait(guess(&limits, "amy", "192.0.2.77").await), 20);
    clock.advance(20);
    assert!(guess(&limits, "amy", "192.0.2.77").await.is_ok());
}

#[tokio::test]
async fn known_client_has_a_separate_bucket() {
    let (limits, _) = limits();
    let device = ClientTrust::KnownDevice([7; 12]);
    for client in 0..10 {
        for _ in 0..10 {
            let _ = guess(&limits, "amy", &format!("192.0.2.{client}")).await.unwrap();
        }
    }
    for _ in 0..10 {
        let _ = guess_as(&limits, "amy", "198.51.100.1", ClientTrust::KnownNetwork).await.unwrap();
        let _ = guess_as(&limits, "amy", "192.0.2.1", device).await.unwrap();
    }
    assert!(guess_as(&limits, "amy", "198.51.100.1", ClientTrust::KnownNetwork).await.is_err());
    assert!(guess_as(&limits, "amy", "192.0.2.1", device).await.is_err());
    // Another device of the same account, and the same one elsewhere.
    assert!(guess_as(&limits, "amy", "192.0.2.1", ClientTrust::KnownDevice([8; 12])).await.is_ok());
    assert!(guess_as(&limits, "amy", "203.0.113.1", device).await.is_err());
}

#[tokio::test]
async fn unknown_clients_share_a_hundred_guesses_then_three_a_minute() {
    let (limits, clock) = limits();
    let mut made = 0;
    for client in 0..200 {
        for _ in 0..10 {
            made += usize::from(guess(&limits, "amy", &format!("client {client}")).await.is_ok());
        }
    }
    assert_eq!(made, 100);
    clock.advance(3600);
    for client in 200..1000 {
        made += usize::from(guess(&limits, "amy", &format!("client {client}")).await.is_ok());
    }
    // An hour drains the whole bucket, and no more than that is available.
    assert_eq!(made, 200);
}

#[tokio::test]
async fn failed_logins_of_others_do_not_lock_the_owner_out() {
    let (limits, _) = limits();
    while guess(&limits, "amy", "192.0.2.66").await.is_ok() {}
    assert!(guess(&limits, "amy", "192.0.2.1").await.is_ok());
}

/// A client that respects Retry-After forever does not either.
#[tokio::test]
async fn single_unknown_client_cannot_fill_the_bucket_of_an_account() {
    let (limits, clock) = limits();
    for _ in 0..5000 {
        let _ = guess(&limits, "amy", "192.0.2.66").await;
        clock.advance(30);
    }
    assert!(guess(&limits, "amy", "192.0.2.1").await.is_ok());
}

#[tokio::test]
async fn ipv6_site_cannot_exhaust_an_account() {
    let (limits, clock) = limits();
    let mut made = 0;
    for n in 0..20 {
        while guess(&limits, "amy", &format!("2001:db8:0:{n:x}::/64")).await.is_ok() {
            made += 1;
        }
    }
    assert_eq!(made, 30);
    for n in 20..5000 {
        let _ = guess(&limits, "amy", &format!("2001:db8:0:{n:x}::/64")).await;
        clock.advance(30);
    }
    assert!(guess(&limits, "amy", "2001:db8:1::/64").await.is_ok());
    // One password on many names.
    let mut made = 0;
    for n in 0..1000 {
        made += usize::from(
            guess(&limits, &format!("name{n}"), &format!("2001:db8:2:{n:x}::/64")).await.is_ok(),
        );
    }
    assert_eq!(made, 300);
}

#[tokio::test]
async fn successful_attempts_are_refunded_and_reset_nothing() {
    let (limits, _) = limits();
    for _ in 0..9 {
        let _ = guess(&limits, "amy", "192.0.2.1").await.unwrap();
    }
    for _ in 0..50 {
        let attempt = guess(&limits, "amy", "192.0.2.1").await.unwrap();
        limits.refund(attempt).await;
    }
    let _ = guess(&limits, "amy", "192.0.2.1").await.unwrap();
    assert!(guess(&limits, "amy", "192.0.2.1").await.is_err());
}

#[tokio::test]
async fn each_purpose_has_its_own_bucket() {
    let (limits, _) = limits();
    let client = at("192.0.2.1");
    while limits.reserve_request(Purpose::Registration, &client).await.is_ok() {}
    for purpose in [
        Purpose::ConfirmationKey,
        Purpose::ResetKey,
        Purpose::ProviderStart,
        Purpose::ProviderReturn,
        Purpose::Strength,
    ] {
        assert!(limits.reserve_request(purpose, &client).await.is_ok(), "{purpose:?}");
    }
    assert!(limits.reserve_request(Purpose::Registration, &at("192.0.2.2")).await.is_ok());
}

#[tokio::test]
async fn reset_email_is_sent_hourly_under_a_flood() {
    let (limits, clock) = limits();
    let mut left = [0; 3];
    for minute in 0..180 {
        for n in 0..20 {
            let stranger = at(&format!("stranger {minute} {n}"));
            for purpose in [MailPurpose::Confirmation, MailPurpose::Reset, MailPurpose::Notice] {
                let budget =
                    limits.reserve_mail("amy@example.com", purpose, &stranger).await.unwrap();
                if (purpose, budget) == (MailPurpose::Reset, MailBudget::Reserved) {
                    left[minute / 60] += 1;
                }
            }
        }
        clock.advance(60);
    }
    assert!(left.iter().all(|mails| (1..=4).contains(mails)), "{left:?}");
}

#[tokio::test]
async fn long_names_are_distinguished_in_bounded_memory() {
    let (limits, _) = limits();
    let long = "x".repeat(2_000_000);
    let names = [format!("{long}a"), format!("{long}b")];
    while guess(&limits, &names[0], "192.0.2.1").await.is_ok() {}
    assert!(guess(&limits, &names[1], "192.0.2.1").await.is_ok());
    let held: usize = memory(&limits).keys().iter().map(std::mem::size_of_val).sum();
    assert!(held < 1000, "{held} bytes");
}

#[tokio::test]
async fn memory_is_bounded() {
    let (limits, _) = limits();
    for n in 0..MAX_BUCKETS {
        let _ = guess(&limits, &format!("name{n}"), &format!("client{n}")).await;
    }
    let kept = memory(&limits).keys().len();
    assert!(kept <= MAX_BUCKETS, "{kept}");
}

#[tokio::test]
async fn saved_attempts_survive_a_restart() {
    let (limits, clock) = limits();
    for _ in 0..10 {
        let _ = guess(&limits, "amy", "192.0.2.1").await.unwrap();
    }
    let good = guess(&limits, "bob", "192.0.2.2").await.unwrap();
    limits.refund(good).await;
    let rows = memory(&limits).take_changed(usize::MAX).0;
    assert_eq!(rows.len(), 3, "what was refunded before it was saved needs no row: {rows:?}");
    assert!(memory(&limits).take_changed(usize::MAX).0.is_empty());

    let again = memory_limits(&clock);
    memory(&again).load(&rows);
    assert!(memory(&again).take_changed(usize::MAX).0.is_empty());
    assert!(guess(&again, "amy", "192.0.2.1").await.is_err());
    assert!(guess(&again, "amy", "192.0.2.2").await.is_ok());
    clock.advance(330);
    assert!(guess(&again, "amy", "192.0.2.1").await.is_ok());
}

#[tokio::test]
async fn refund_after_a_save_is_saved_too() {
    let (limits, _) = limits();
    let attempt = guess(&limits, "amy", "192.0.2.1").await.unwrap();
    assert_eq!(memory(&limits).take_changed(usize::MAX).0.len(), 3);
    limits.refund(attempt).await;
    let rows = memory(&limits).take_changed(usize::MAX).0;
    assert!(rows.len() == 3 && rows.iter().all(|row| row.attempts.level == 0), "{rows:?}");
}
