//! The structure of ECMAScript's regular expressions (ECMA-262, section 22.2.1, and annex B).
//!
//! A text is refused only if an engine refuses it in each of its modes: for groups and classes that
//! do not close, for quantifiers of nothing, and for ranges that run backwards. It must never
//! compile a text, since a client chooses it.

use std::iter::Peekable;
use std::str::Chars;

pub fn may_be_regex(text: &str) -> bool {
    let mut ahead = text.chars().peekable();
    let mut open = 0_usize;
    // Whether a quantifier may follow.
    let mut is_atom = false;
    while let Some(c) = ahead.next() {
        is_atom = match c {
            '\\' => match ahead.next() {
                Some(escaped) => !matches!(escaped, 'b' | 'B'),
                None => return false,
            },
            '[' if is_class(&mut ahead) => true,
            '(' if is_group(&mut ahead) => {
                open += 1;
                false
            }
            ')' if open > 0 => {
                open -= 1;
                true
            }
            '*' | '+' | '?' if is_atom => {
                ahead.next_if_eq(&'?');
                false
            }
            '{' => match braces(&mut ahead) {
                Braces::Literal => true,
                Braces::Quantifier if is_atom => {
                    ahead.next_if_eq(&'?');
                    false
                }
                Braces::Quantifier | Braces::Backwards => return false,
            },
            '[' | '(' | ')' | '*' | '+' | '?' => return false,
            '|' | '^' | '$' => false,
            _ => true,
        };
    }
    open == 0
}

/// Takes a class after its `[`. Classes within it (mode `v`) end it early: the rest is text then.
fn is_class(ahead: &mut Peekable<Chars<'_>>) -> bool {
    ahead.next_if_eq(&'^');
    // A plain character, which may begin a range.
    let mut start = None;
    while let Some(c) = ahead.next() {
        match c {
            ']' => return true,
            '\\' => {
                ahead.next();
                start = None;
            }
            '-' if start.is_some() => {
                let end = ahead.next_if(|c| !matches!(c, ']' | '\\' | '[' | '-'));
                if end.is_some_and(|end| start.is_some_and(|start| start > end)) {
                    return false;
                }
                start = None;
            }
            c => start = Some(c),
        }
    }
    false
}

/// Takes the beginning of a group after its `(`.
fn is_group(ahead: &mut Peekable<Chars<'_>>) -> bool {
    if ahead.next_if_eq(&'?').is_none() {
        return true;
    }
    match ahead.next() {
        Some(':' | '=' | '!') => true,
        Some('<') if ahead.next_if(|c| matches!(c, '=' | '!')).is_some() => true,
        Some('<') => {
            let mut is_empty = true;
            loop {
                match ahead.next() {
                    Some('>') => return !is_empty,
                    Some(c) if is_of_name(c, is_empty) => is_empty = false,
                    _ => return false,
                }
            }
        }
        // Modes of the group.
        Some('i' | 'm' | 's' | '-') => {
            while ahead.next_if(|c| matches!(c, 'i' | 'm' | 's' | '-')).is_some() {}
            ahead.next() == Some(':')
        }
        _ => false,
    }
}

fn is_of_name(c: char, is_first: bool) -> bool {
    let may_begin = !c.is_ascii() || c.is_ascii_alphabetic() || matches!(c, '_' | '$' | '\\');
    may_begin || !is_first && (c.is_ascii_digit() || matches!(c, '{' | '}'))
}

enum Braces {
    /// They are text.
    Literal,
    Quantifier,
    /// Its second number is below the first.
    Backwards,
}

/// Looks at what follows a `{`, and takes a quantifier.
fn braces(ahead: &mut Peekable<Chars<'_>>) -> Braces {
    let mut look = ahead.clone();
    let Some(least) = number(&mut look) else { return Braces::Literal };
    let most = match look.next_if_eq(&',') {
        Some(_) => number(&mut look),
        None => Some(least),
    };
    if look.next() != Some('}') {
        return Braces::Literal;
    }
    *ahead = look;
    match most {
        Some(most) if most < least => Braces::Backwards,
        _ => Braces::Quantifier,
    }
}

fn number(ahead: &mut Peekable<Chars<'_>>) -> Option<u64> {
    let mut number = None;
    while let Some(digit) = ahead.peek().and_then(|c| c.to_digit(10)) {
        ahead.next();
        let so_far: u64 = number.unwrap_or(0);
        number = Some(so_far.saturating_mul(10).saturating_add(u64::from(digit)));
    }
    number
}
