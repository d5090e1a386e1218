//! Problems with the paths to their values.

use std::fmt::Write as _;

/// Problems of one request that are kept.
const MAX_PROBLEMS: usize = 100;
/// Of a member's name in a path: a client chose it.
const MAX_NAME_CHARS: usize = 100;

/// A problem of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The member of the outermost object; `None` for a problem of that object, or of a value that
    /// is no object.
    pub field: Option<String>,
    /// The path from there, such as `sizes.0.width`; empty for the value itself.
    pub path: String,
    /// The message.
    pub message: String,
}

impl Problem {
    pub(super) fn at_root(message: &str) -> Problem {
        Problem { field: None, path: String::new(), message: message.to_owned() }
    }

    /// The message, after the path if there is one.
    pub fn text(&self) -> String {
        if self.path.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.path, self.message)
        }
    }
}

/// From a value to one within it.
pub(super) enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// The path to the value that is being checked, and the problems so far.
#[derive(Default)]
pub(super) struct Paths {
    field: Option<String>,
    path: String,
    depth: usize,
    found: Vec<Problem>,
}

impl Paths {
    pub(super) fn add(&mut self, message: impl Into<String>) {
        if self.found.len() < MAX_PROBLEMS {
            let (field, path) = (self.field.clone(), self.path.clone());
            let problem = Problem { field, path, message: message.into() };
            if !self.found.contains(&problem) {
                self.found.push(problem);
            }
        }
    }

    pub(super) fn add_at(&mut self, step: Step<'_>, message: &str) {
        let before = self.enter(step);
        self.add(message);
        self.leave(before);
    }

    /// Returns the length of the path, for [`Paths::leave`].
    pub(super) fn enter(&mut self, step: Step<'_>) -> usize {
        let before = self.path.len();
        match step {
            Step::Member(name) if self.depth == 0 => {
                self.field = Some(name.chars().take(MAX_NAME_CHARS).collect());
            }
            step => {
                if !self.path.is_empty() {
                    self.path.push('.');
                }
                match step {
                    Step::Member(name) => self.path.extend(name.chars().take(MAX_NAME_CHARS)),
                    // Writing to a string does not fail.
                    Step::Item(n) => drop(write!(self.path, "{n}")),
                }
            }
        }
        self.depth += 1;
        before
    }

    pub(super) fn leave(&mut self, before: usize) {
        self.path.truncate(before);
        self.depth -= 1;
        if self.depth == 0 {
            self.field = None;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.found
    }
}
