//! Sets of operations that use a location. A document may have thousands of both, so operations are
//! numbered and the sets are bitmaps.

use std::collections::HashMap;
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    Request,
    Response,
}

impl Direction {
    pub fn flipped_if(self, flipped: bool) -> Direction {
        match (self, flipped) {
            (Direction::Request, true) => Direction::Response,
            (Direction::Response, true) => Direction::Request,
            (same, false) => same,
        }
    }

    /// The keyword that hides a property in this direction.
    pub fn hiding_keyword(self) -> &'static str {
        match self {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        }
    }
}

/// A path without the names of its variables, as on the wire.
pub fn wire_path(path: &str) -> String {
    let mut out = String::new();
    let mut in_variable = false;
    for c in path.chars() {
        match c {
            '{' => {
                out.push_str("{}");
                in_variable = true;
            }
            '}' => in_variable = false,
            _ if in_variable => {}
            c => out.push(c),
        }
    }
    out
}

/// Numbers the operations of both documents. Operations that differ only in the names of path
/// variables are one.
#[derive(Default)]
pub struct Operations {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
}

impl Operations {
    /// The number of `POST /login/`. The first spelling is its name.
    pub fn number(&mut self, name: &str) -> usize {
        let next = self.names.len();
        let number = *self.numbers.entry(wire_path(name)).or_insert(next);
        if number == next {
            self.names.push(name.to_owned());
        }
        number
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(&wire_path(name)).copied()
    }

    pub fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("", String::as_str)
    }
}

type BitSet = Rc<Vec<u64>>;

/// The operations that use a location, by direction and by whether it is below a `not`.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct UsageSet {
    sets: [Option<BitSet>; 4],
}

const SETS: [(Direction, bool); 4] = [
    (Direction::Request, false),
    (Direction::Request, true),
    (Direction::Response, false),
    (Direction::Response, true),
];

fn index(direction: Direction, negated: bool) -> usize {
    SETS.iter().position(|set| *set == (direction, negated)).unwrap_or_default()
}

impl UsageSet {
    pub fn one(operation: usize, direction: Direction, negated: bool) -> UsageSet {
        let mut bits = vec![0; operation / 64 + 1];
        bits[operation / 64] = 1 << (operation % 64);
        let mut uses = UsageSet::default();
        uses.sets[index(direction, negated)] = Some(Rc::new(bits));
        uses
    }

    pub fn is_empty(&self) -> bool {
        self.sets.iter().all(Option::is_none)
    }

    /// The directions that have an operation, each with whether it is negated.
    pub fn kinds(&self) -> impl Iterator<Item = (Direction, bool)> {
        SETS.into_iter().zip(&self.sets).filter(|(_, set)| set.is_some()).map(|(kind, _)| kind)
    }

    pub fn has(&self, direction: Direction) -> bool {
        self.kinds().any(|(own, _)| own == direction)
    }

    pub fn is_negated(&self) -> bool {
        self.kinds().any(|(_, negated)| negated)
    }

    /// The same operations below a `not` or `if`. Below another one they stay there: `if` allows
    /// neither direction, whatever is within it.
    pub fn negated(mut self) -> UsageSet {
        let mut below = UsageSet::default();
        for direction in [Direction::Request, Direction::Response] {
            let plain = self.sets[index(direction, false)].take();
            below.sets[index(direction, true)] = plain;
        }
        self.extend(&below);
        self
    }

    /// All of the operations, in one direction.
    pub fn in_direction(&self, direction: Direction, negated: bool) -> UsageSet {
        let mut turned = UsageSet::default();
        for set in self.sets.iter().flatten() {
            let mut one = UsageSet::default();
            one.sets[index(direction, negated)] = Some(Rc::clone(set));
            turned.extend(&one);
        }
        turned
    }

    pub fn without(mut self, direction: Direction) -> UsageSet {
        self.sets[index(direction, false)] = None;
        self.sets[index(direction, true)] = None;
        self
    }

    /// Adds the operations of another set. Returns whether there was any to add.
    pub fn extend(&mut self, other: &UsageSet) -> bool {
        let mut changed = false;
        for (own, other) in self.sets.iter_mut().zip(&other.sets) {
            match (&mut *own, other) {
                (_, None) => {}
                (None, Some(other)) => {
                    *own = Some(Rc::clone(other));
                    changed = true;
                }
                (Some(own), Some(other)) if Rc::ptr_eq(own, other) => {}
                (Some(own), Some(other)) => {
                    let is_new = |(at, bits): (usize, &u64)| {
                        bits & !own.get(at).copied().unwrap_or_default() != 0
                    };
                    if !other.iter().enumerate().any(is_new) {
                        continue;
                    }
                    let own = Rc::make_mut(own);
                    own.resize(own.len().max(other.len()), 0);
                    own.iter_mut().zip(other.iter()).for_each(|(own, other)| *own |= other);
                    changed = true;
                }
            }
        }
        changed
    }

    /// The operations in both sets.
    pub fn common(&self, other: &UsageSet) -> UsageSet {
        let mut common = UsageSet::default();
        for (at, pair) in self.sets.iter().zip(&other.sets).enumerate() {
            if let (Some(one), Some(other)) = pair {
                let bits: Vec<u64> =
                    one.iter().zip(other.iter()).map(|(one, other)| one & other).collect();
                common.sets[at] = bits.iter().any(|bits| *bits != 0).then(|| Rc::new(bits));
            }
        }
        common
    }

    /// The numbers of the operations, in order.
    pub fn operations(&self) -> Vec<usize> {
        let words = self.sets.iter().flatten().map(|bits| bits.len()).max().unwrap_or_default();
        let word = |at: usize| {
            let set = self.sets.iter().flatten();
            set.fold(0, |all, bits| all | bits.get(at).copied().unwrap_or_default())
        };
        let numbers = (0..words).flat_map(|at| {
            let bits: u64 = word(at);
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        });
        numbers.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_sets_are_merged_and_shared() {
        let mut uses = UsageSet::one(3, Direction::Request, false);
        assert!(uses.extend(&UsageSet::one(130, Direction::Response, true)));
        assert!(!uses.extend(&UsageSet::one(3, Direction::Request, false)));
        assert!(uses.extend(&UsageSet::one(70, Direction::Request, false)));
        assert_eq!(uses.operations(), [3, 70, 130]);
        assert_eq!(uses.common(&UsageSet::one(70, Direction::Request, false)).operations(), [70]);
        assert!(uses.common(&UsageSet::one(70, Direction::Response, false)).is_empty());
        assert_eq!(uses.clone().without(Direction::Request).operations(), [130]);
        assert!(
            uses.has(Direction::Request)
                && uses.is_negated()
                && uses.clone().negated().operations() == uses.operations()
        );
    }

    #[test]
    fn operations_are_equal_on_the_wire() {
        let mut operations = Operations::default();
        let number = operations.number("GET /a/{id}");
        assert_eq!(operations.number("GET /a/{pk}"), number);
        assert_eq!(operations.name(number), "GET /a/{id}");
        assert_eq!(
            (operations.find("GET /a/{x}"), operations.find("GET /b")),
            (Some(number), None)
        );
    }
}
