//! Path templates, and which of them a request's path matches.
//!
//! A tree of segments. In each segment a literal comes before text around variables
//! (`{name}.json`), of which the longest text comes first, and a lone variable comes last. Slashes
//! are exact. A variable is one segment or a part of it, and never empty. A search visits each node
//! at most once.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;

/// The served paths, by path template.
pub struct Tree<T>(Node<T>);

struct Node<T> {
    literals: HashMap<String, Node<T>>,
    /// The longest text first.
    patterns: Vec<(Pattern, Node<T>)>,
    leaf: Option<T>,
}

/// The texts around the variables of one segment: `["", ".json"]` of `{name}.json`.
#[derive(PartialEq)]
struct Pattern(Vec<String>);

impl<T> Default for Node<T> {
    fn default() -> Node<T> {
        Node { literals: HashMap::new(), patterns: Vec::new(), leaf: None }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree(Node::default())
    }
}

impl<T> Tree<T> {
    /// Returns whether the template is new. Templates that differ in the names of variables alone
    /// are one.
    pub fn insert(&mut self, template: &str, leaf: T) -> bool {
        let mut node = &mut self.0;
        for segment in template.split('/') {
            node = match Pattern::new(segment) {
                None => node.literals.entry(decoded(segment)).or_default(),
                Some(pattern) => node.pattern(pattern),
            };
        }
        let is_new = node.leaf.is_none();
        node.leaf.get_or_insert(leaf);
        is_new
    }

    /// The first template that matches these segments and `accepts` the values of its variables.
    pub fn find<'s>(
        &self,
        segments: &'s [Cow<'_, str>],
        accepts: &dyn Fn(&T, &[&str]) -> bool,
    ) -> Option<(&T, Vec<&'s str>)> {
        let mut values = Vec::new();
        self.0.find(segments, accepts, &mut values).map(|leaf| (leaf, values))
    }
}

impl<T> Node<T> {
    fn pattern(&mut self, pattern: Pattern) -> &mut Node<T> {
        let known = self.patterns.iter().position(|(known, _)| *known == pattern);
        let place = known.unwrap_or_else(|| {
            let place = self.patterns.partition_point(|(known, _)| known.len() >= pattern.len());
            self.patterns.insert(place, (pattern, Node::default()));
            place
        });
        &mut self.patterns[place].1
    }

    fn find<'s>(
        &self,
        segments: &'s [Cow<'_, str>],
        accepts: &dyn Fn(&T, &[&str]) -> bool,
        values: &mut Vec<&'s str>,
    ) -> Option<&T> {
        let Some((segment, rest)) = segments.split_first() else {
            return self.leaf.as_ref().filter(|leaf| accepts(leaf, values));
        };
        let literal = self.literals.get(&**segment);
        if let Some(found) = literal.and_then(|next| next.find(rest, accepts, values)) {
            return Some(found);
        }
        let before = values.len();
        for (pattern, next) in &self.patterns {
            if pattern.read(segment, values)
                && let Some(found) = next.find(rest, accepts, values)
            {
                return Some(found);
            }
            values.truncate(before);
        }
        None
    }
}

impl Pattern {
    /// `None` for a segment without a variable.
    fn new(segment: &str) -> Option<Pattern> {
        let mut texts = Vec::new();
        let mut rest = segment;
        while let Some((text, after)) = rest.split_once('{') {
            texts.push(decoded(text));
            rest = after.split_once('}').map_or("", |(_, rest)| rest);
        }
        if texts.is_empty() {
            return None;
        }
        texts.push(decoded(rest));
        Some(Pattern(texts))
    }

    /// Length of its text.
    fn len(&self) -> usize {
        self.0.iter().map(String::len).sum()
    }

    /// Adds the values of the variables. A value ends where the next text begins first; that of the
    /// last variable is all that is left.
    fn read<'a>(&self, segment: &'a str, values: &mut Vec<&'a str>) -> bool {
        let [first, inner @ .., last] = &self.0[..] else { return false };
        let Some(mut rest) = segment.strip_prefix(first.as_str()) else { return false };
        for text in inner {
            let Some(second) = rest.char_indices().nth(1) else { return false };
            let Some(end) = rest[second.0..].find(text.as_str()) else { return false };
            let (value, after) = rest.split_at(second.0 + end);
            values.push(value);
            rest = &after[text.len()..];
        }
        let Some(value) = rest.strip_suffix(last.as_str()) else { return false };
        values.push(value);
        // A client that follows RFC 3986 resolves dots that are a segment.
        let is_dots = self.len() == 0 && matches!(segment, "." | "..");
        !value.is_empty() && !is_dots
    }
}

/// The names of the variables of a template, in their order.
pub fn variables(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name))
}

/// The segments of a request's path, decoded one by one: an encoded slash separates none. `None`
/// for a path that is not UTF-8.
pub fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    path.split('/').map(|segment| percent_decode_str(segment).decode_utf8().ok()).collect()
}

/// A literal of a template, which may be encoded there.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(templates: &[&'static str]) -> Tree<&'static str> {
        let mut tree = Tree::default();
        for template in templates {
            assert!(tree.insert(template, *template), "{template}");
        }
        tree
    }

    fn found(tree: &Tree<&'static str>, path: &str) -> Option<(String, Vec<String>)> {
        let segments = segments(path)?;
        let (leaf, values) = tree.find(&segments, &|_, _| true)?;
        Some(((*leaf).to_owned(), values.into_iter().map(str::to_owned).collect()))
    }

    #[test]
    fn literals_take_precedence_over_variables() {
        let templates =
            ["/a/{x}", "/a/{x}.json", "/a/me", "/a/{x}:cancel", "/a/{x}/b", "/{y}/me/b"];
        let mut backwards = templates;
        backwards.reverse();
        for tree in [tree(&templates), tree(&backwards)] {
            for (path, template, values) in [
                ("/a/me", "/a/me", &[][..]),
                ("/a/you", "/a/{x}", &["you"]),
                ("/a/1.json", "/a/{x}.json", &["1"]),
                ("/a/1:cancel", "/a/{x}:cancel", &["1"]),
                ("/a/1%3Acancel", "/a/{x}:cancel", &["1"]),
                ("/a/.json", "/a/{x}", &[".json"]),
                ("/a/me/b", "/a/{x}/b", &["me"]),
                ("/c/me/b", "/{y}/me/b", &["c"]),
            ] {
                let (found, read) = found(&tree, path).unwrap_or_else(|| panic!("{path}"));
                assert_eq!(
                    (found.as_str(), read.as_slice()),
                    (template, &values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>()[..]),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn variables_share_a_segment() {
        let tree = tree(&["/compare/{base}...{head}", "/tiles/{x}-{y}.{form}"]);
        let values = |path: &str| found(&tree, path).map(|(_, values)| values);
        assert_eq!(values("/compare/main...next.1").unwrap(), ["main", "next.1"]);
        assert_eq!(values("/tiles/1-2.png").unwrap(), ["1", "2", "png"]);
        for path in ["/compare/...next", "/compare/main...", "/compare/main", "/tiles/1-2"] {
            assert_eq!(values(path), None, "{path}");
        }
    }

    #[test]
    fn slashes_are_exact() {
        let tree = tree(&["/a", "/a/", "/b/{x}/", "/b/{x}"]);
        let template = |path: &str| found(&tree, path).map(|(template, _)| template);
        for (path, expected) in [
            ("/a", Some("/a")),
            ("/a/", Some("/a/")),
            ("/b/1", Some("/b/{x}")),
            ("/b/1/", Some("/b/{x}/")),
            ("/a//", None),
            ("//a", None),
            ("/b//", None),
            ("/b/", None),
            ("/b/..", None),
        ] {
            assert_eq!(template(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn encoded_slash_does_not_separate_segments() {
        let tree = tree(&["/projects/{id}/jobs", "/caf%C3%A9"]);
        let (_, values) = found(&tree, "/projects/group%2Fname/jobs").unwrap();
        assert_eq!(values, ["group/name"]);
        assert!(found(&tree, "/projects%2Fx%2Fjobs").is_none());
        assert!(found(&tree, "/caf%c3%a9").is_some());
        assert!(found(&tree, "/projects/%ff/jobs").is_none(), "not UTF-8");
    }

    #[test]
    fn rejected_choice_tries_the_next_template() {
        let tree = tree(&["/a/{x}.json", "/a/{x}"]);
        let segments = segments("/a/b.json").unwrap();
        let (leaf, values) = tree.find(&segments, &|_, values| values != ["b"]).unwrap();
        assert_eq!((*leaf, values), ("/a/{x}", vec!["b.json"]));
    }
}
