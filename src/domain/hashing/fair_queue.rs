//! A bounded queue that serves its clients in turn (start-time fair queueing, Goyal, Vin and Cheng 1996).
//!
//! Each job belongs to some flows: a network, the site around it, an account. It starts when all of them may, and each
//! flow may start its next one a share later. A flow that floods the queue waits for itself alone; when the queue is
//! full, the job that would start last makes room for one that would start before it.

use std::collections::{BTreeMap, HashMap};

use crate::domain::client::Client;
use crate::domain::keys::digest;

/// What a job is counted for, and how long one job of it keeps the next one waiting, in virtual time.
type Flow = ([u8; 32], u64);

/// A network, or an account, has one turn a round.
const TURN: u64 = 4;
/// An IPv6 /48 has as much as four networks, however many it is made of.
const SITE_TURN: u64 = 1;

/// For whom a password is hashed.
#[derive(Clone)]
pub struct Requester(Vec<Flow>);

impl Requester {
    /// `account` is the folded name; `None` where there is no account yet.
    pub fn new(client: &Client, account: Option<&str>) -> Requester {
        let network = (digest(&format!("network {}", client.address)), TURN);
        let site = client.site().map(|site| (digest(&format!("site {site}")), SITE_TURN));
        let account = account.map(|account| (digest(&format!("account {account}")), TURN));
        Requester([Some(network), site, account].into_iter().flatten().collect())
    }

    /// The server itself, or its operator.
    pub fn server() -> Requester {
        Requester(vec![(digest("server"), TURN)])
    }
}

struct Waiting<T> {
    job: T,
    flows: Vec<Flow>,
}

/// In virtual time, and of those that start together by arrival.
type Start = (u64, u64);

pub(super) struct FairQueue<T> {
    capacity: usize,
    waiting: BTreeMap<Start, Waiting<T>>,
    /// When each flow may start its next job.
    next: HashMap<[u8; 32], u64>,
    /// When the job served last was to start.
    now: u64,
    arrivals: u64,
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> FairQueue<T> {
        FairQueue { capacity, waiting: BTreeMap::new(), next: HashMap::new(), now: 0, arrivals: 0 }
    }

    fn start(&self, requester: &Requester) -> u64 {
        requester.0.iter().filter_map(|(flow, _)| self.next.get(flow).copied()).fold(self.now, u64::max)
    }

    /// Whether a job would be queued.
    pub(super) fn has_room(&self, requester: &Requester) -> bool {
        let last = self.waiting.last_key_value().map(|((start, _), _)| *start);
        self.waiting.len() < self.capacity || last.is_some_and(|last| self.start(requester) < last)
    }

    /// Queues a job, and answers with the one that it takes the place of.
    ///
    /// # Errors
    ///
    /// The job itself, when all that wait start no later.
    pub(super) fn push(&mut self, requester: Requester, job: T) -> Result<Option<T>, T> {
        if !self.has_room(&requester) {
            return Err(job);
        }
        let evicted = if self.waiting.len() < self.capacity { None } else { self.evict() };
        let start = self.start(&requester);
        for (flow, turn) in &requester.0 {
            self.next.insert(*flow, start + turn);
        }
        self.arrivals += 1;
        self.waiting.insert((start, self.arrivals), Waiting { job, flows: requester.0 });
        Ok(evicted)
    }

    fn evict(&mut self) -> Option<T> {
        let ((start, _), Waiting { job, flows }) = self.waiting.pop_last()?;
        for (flow, turn) in flows {
            // Its turn is free again, unless there is another one behind it.
            if let Some(next) = self.next.get_mut(&flow).filter(|next| **next == start + turn) {
                *next = start;
            }
        }
        Some(job)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let ((start, _), Waiting { job, .. }) = self.waiting.pop_first()?;
        self.now = start;
        if self.waiting.is_empty() {
            self.next.clear();
        } else if self.next.len() > 8 * self.capacity {
            // Those that may start now are as new ones are.
            self.next.retain(|_, next| *next > start);
        }
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requester(address: &str, account: &str) -> Requester {
        Requester::new(&Client { address: address.to_owned(), ..Client::default() }, Some(account))
    }

    fn push(queue: &mut FairQueue<String>, address: &str, account: &str) -> bool {
        queue.push(requester(address, account), format!("{address} {account}")).is_ok()
    }

    /// How many of the first `count` jobs are `address`'s.
    fn share(queue: &mut FairQueue<String>, count: usize, is_of: impl Fn(&str) -> bool) -> usize {
        (0..count).filter(|_| queue.pop().is_some_and(|job| is_of(&job))).count()
    }

    #[test]
    fn newcomer_is_next_however_many_wait() {
        let mut queue = FairQueue::new(128);
        for n in 0..1000 {
            let _ = push(&mut queue, &format!("192.0.2.{}", n % 2), &format!("name{}", n % 20));
        }
        // Two flooders have one turn each before anyone's second.
        queue.pop();
        assert!(push(&mut queue, "198.51.100.1", "amy"));
        assert!(share(&mut queue, 3, |job| job.starts_with("198.51.100.1")) == 1);
        // The queue stays full, and each newcomer finds room.
        for n in 0..60 {
            let _ = push(&mut queue, "192.0.2.0", "name0");
            let _ = push(&mut queue, "192.0.2.1", "name1");
            assert!(push(&mut queue, &format!("203.0.113.{n}"), &format!("other{n}")), "{n}");
        }
    }

    #[test]
    fn one_account_from_many_networks_has_one_turn() {
        let mut queue = FairQueue::new(128);
        for n in 0..1000 {
            let _ = push(&mut queue, &format!("192.0.2.{n}"), "mallory");
        }
        assert!(push(&mut queue, "198.51.100.1", "amy"));
        assert_eq!(share(&mut queue, 2, |job| job.ends_with("amy")), 1);
    }

    #[test]
    fn whole_48_has_the_turns_of_four_networks() {
        let mut queue = FairQueue::new(128);
        for n in 0..1000 {
            let _ = push(&mut queue, &format!("2001:db8:0:{n:x}::/64"), &format!("name{n}"));
        }
        for n in 0..10 {
            assert!(push(&mut queue, "198.51.100.1", &format!("amy{n}")));
        }
        let of_site = share(&mut queue, 20, |job| job.starts_with("2001"));
        assert!((15..=17).contains(&of_site), "{of_site} of 20");
    }

    #[test]
    fn full_queue_refuses_those_who_fill_it() {
        let mut queue = FairQueue::new(4);
        let pushed = (0..10).filter(|n| push(&mut queue, "192.0.2.1", &format!("name{n}"))).count();
        assert_eq!(pushed, 4);
        assert!(!queue.has_room(&requester("192.0.2.1", "name")));
        assert!(queue.has_room(&requester("192.0.2.2", "amy")));
        let evicted = queue.push(requester("192.0.2.2", "amy"), "amy".to_owned());
        assert_eq!(evicted, Ok(Some("192.0.2.1 name3".to_owned())));
        // The turn of the job that made room is free again.
        queue.pop();
        assert!(push(&mut queue, "192.0.2.1", "name"));
    }

    #[test]
    fn each_job_is_served_once_and_nothing_is_kept_of_them() {
        let mut queue = FairQueue::new(1000);
        for n in 0..900 {
            assert!(push(&mut queue, &format!("192.0.2.{}", n % 7), &format!("name{}", n % 11)));
        }
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 900);
        assert!(queue.next.is_empty());
    }
}
