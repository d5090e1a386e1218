//! A bounded fair queue (start-time fair queueing, Goyal, Vin and Cheng 1996).
//!
//! Each job belongs to several flows: a network, its site, an account. It starts when all its flows
//! may, and delays the next job of each flow by that flow's share. A flow that floods the queue
//! delays only itself. When the queue is full, the job with the latest start makes room for one
//! with an earlier start.

use std::collections::{BTreeMap, HashMap};

use crate::domain::client::Client;
use crate::domain::keys::digest;

/// A flow's key, and the virtual time between two of its jobs.
type FlowKey = ([u8; 32], u64);

/// One turn a round for a network or an account.
const TURN: u64 = 4;
/// An IPv6 /48 has four times the share of a network, however many networks it contains.
const SITE_TURN: u64 = 1;

/// The flows to which a hashing job belongs.
#[derive(Clone)]
pub struct Requester(Vec<FlowKey>);

impl Requester {
    /// `account` is the folded name; `None` if there is no account yet.
    pub fn new(client: &Client, account: Option<&str>) -> Requester {
        let network = (digest(&format!("network {}", client.address)), TURN);
        let site = client.site().map(|site| (digest(&format!("site {site}")), SITE_TURN));
        let account = account.map(|account| (digest(&format!("account {account}")), TURN));
        Requester([Some(network), site, account].into_iter().flatten().collect())
    }

    /// The server itself or its operator.
    pub fn server() -> Requester {
        Requester(vec![(digest("server"), TURN)])
    }
}

struct QueuedJob<T> {
    job: T,
    flows: Vec<FlowKey>,
}

/// Virtual start time, then order of arrival.
type Start = (u64, u64);

pub(super) struct FairQueue<T> {
    capacity: usize,
    waiting: BTreeMap<Start, QueuedJob<T>>,
    /// Earliest start of each flow's next job.
    next: HashMap<[u8; 32], u64>,
    /// Start of the job served last.
    now: u64,
    arrivals: u64,
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> FairQueue<T> {
        FairQueue { capacity, waiting: BTreeMap::new(), next: HashMap::new(), now: 0, arrivals: 0 }
    }

    fn start(&self, requester: &Requester) -> u64 {
        requester
            .0
            .iter()
            .filter_map(|(flow, _)| self.next.get(flow).copied())
            .fold(self.now, u64::max)
    }

    /// Whether a job would be accepted.
    pub(super) fn has_room(&self, requester: &Requester) -> bool {
        let last = self.waiting.last_key_value().map(|((start, _), _)| *start);
        self.waiting.len() < self.capacity || last.is_some_and(|last| self.start(requester) < last)
    }

    /// Queues a job and returns the job that it evicts, if any.
    ///
    /// # Errors
    ///
    /// The job itself, if no queued job starts later.
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
        self.waiting.insert((start, self.arrivals), QueuedJob { job, flows: requester.0 });
        Ok(evicted)
    }

    fn evict(&mut self) -> Option<T> {
        let ((start, _), QueuedJob { job, flows }) = self.waiting.pop_last()?;
        for (flow, turn) in flows {
            // Free its turn, unless another job of the flow has been queued behind it.
            if let Some(next) = self.next.get_mut(&flow).filter(|next| **next == start + turn) {
                *next = start;
            }
        }
        Some(job)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let ((start, _), QueuedJob { job, .. }) = self.waiting.pop_first()?;
        self.now = start;
        if self.waiting.is_empty() {
            self.next.clear();
        } else if self.next.len() > 8 * self.capacity {
            // Flows that may start now need no entry.
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

    /// How many of the first `count` jobs satisfy `is_of`.
    fn share(queue: &mut FairQueue<String>, count: usize, is_of: impl Fn(&str) -> bool) -> usize {
        (0..count).filter(|_| queue.pop().is_some_and(|job| is_of(&job))).count()
    }

    #[test]
    fn new_client_is_served_next_in_a_full_queue() {
        let mut queue = FairQueue::new(128);
        for n in 0..1000 {
            let _ = push(&mut queue, &format!("192.0.2.{}", n % 2), &format!("name{}", n % 20));
        }
        // Each of two flooding networks has one turn before a second one.
        queue.pop();
        assert!(push(&mut queue, "198.51.100.1", "amy"));
        assert!(share(&mut queue, 3, |job| job.starts_with("198.51.100.1")) == 1);
        // The queue stays full, and each newcomer still finds room.
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
    fn ipv6_48_gets_the_turns_of_four_networks() {
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
    fn full_queue_evicts_its_largest_client() {
        let mut queue = FairQueue::new(4);
        let pushed = (0..10).filter(|n| push(&mut queue, "192.0.2.1", &format!("name{n}"))).count();
        assert_eq!(pushed, 4);
        assert!(!queue.has_room(&requester("192.0.2.1", "name")));
        assert!(queue.has_room(&requester("192.0.2.2", "amy")));
        let evicted = queue.push(requester("192.0.2.2", "amy"), "amy".to_owned());
        assert_eq!(evicted, Ok(Some("192.0.2.1 name3".to_owned())));
        // The turn of the evicted job is free again.
        queue.pop();
        assert!(push(&mut queue, "192.0.2.1", "name"));
    }

    #[test]
    fn each_job_runs_once_and_is_released() {
        let mut queue = FairQueue::new(1000);
        for n in 0..900 {
            assert!(push(&mut queue, &format!("192.0.2.{}", n % 7), &format!("name{}", n % 11)));
        }
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 900);
        assert!(queue.next.is_empty());
    }
}
