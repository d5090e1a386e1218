//! YAML 1.2 by the core schema, with merge keys. The events come from `saphyr-parser`.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::Value;

use super::{
    MAX_DEPTH, Members, Memory, Parsed, Position, PositionTree, Retain, SyntaxError, item_name,
    number,
};

/// Most values that aliases may add to a document.
const MAX_ALIASED_VALUES: usize = 500_000;

pub(super) fn read(text: &str, retain: Retain, memory: Memory) -> Result<Parsed, SyntaxError> {
    let parser = Parser::new_from_str(text);
    let mut reader =
        Reader { parser, anchors: HashMap::new(), aliased: 0, retain, lists: 0, memory };
    let mut document = None;
    loop {
        let (event, position) = reader.next()?;
        match event {
            Event::DocumentStart(_) if document.is_some() => {
                return Err(SyntaxError::refused(position, "more than one document in this text"));
            }
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event => document = Some(reader.value(event, position, 0)?.0),
        }
    }
    let start = Position { line: 1, column: 1 };
    Ok(document.unwrap_or(Parsed { value: Value::Null, marks: PositionTree::leaf(start) }))
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The anchored values, each with the number of values in it.
    anchors: HashMap<usize, (Parsed, usize)>,
    aliased: usize,
    retain: Retain,
    /// The number of lists around the next event.
    lists: usize,
    memory: Memory,
}

fn position(span: Span) -> Position {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position { line: number(span.start.line()), column: number(span.start.col() + 1) }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Position), SyntaxError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(span))),
            Some(Err(error)) => {
                let at = position(Span::empty(*error.marker()));
                Err(match error.info() {
                    // The scanner looks ahead for keys, and ends before the depth is counted here.
                    "recursion limit exceeded" => SyntaxError::too_deep(at),
                    info => SyntaxError::syntax(at, info.replace('\n', " ")),
                })
            }
            None => Ok((Event::StreamEnd, Position { line: 1, column: 1 })),
        }
    }

    /// The value that an event starts, and the number of values in it.
    fn value(
        &mut self,
        event: Event<'a>,
        at: Position,
        depth: usize,
    ) -> Result<(Parsed, usize), SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(SyntaxError::too_deep(at));
        }
        let (anchor, parsed, count) = match event {
            Event::Alias(anchor) => {
                let Some((parsed, count)) = self.anchors.get(&anchor) else {
                    return Err(SyntaxError::refused(
                        at,
                        "an alias within the value that it stands for",
                    ));
                };
                self.aliased += count;
                if self.aliased > MAX_ALIASED_VALUES {
                    let message =
                        format!("the aliases stand for more than {MAX_ALIASED_VALUES} values");
                    return Err(SyntaxError::refused(at, message));
                }
                return Ok((parsed.clone(), *count));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.memory.take(text.len(), at)?;
                let value = scalar(&text, style, tag.as_deref(), at)?;
                (anchor, Parsed { value, marks: PositionTree::leaf(at) }, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                collection_tag(tag.as_deref(), "seq", at)?;
                let (parsed, count) = self.sequence(at, depth)?;
                (anchor, parsed, count)
            }
            Event::MappingStart(anchor, tag) => {
                collection_tag(tag.as_deref(), "map", at)?;
                let (parsed, count) = self.mapping(at, depth)?;
                (anchor, parsed, count)
            }
            _ => return Err(SyntaxError::syntax(at, "expected a value")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (parsed.clone(), count));
        }
        Ok((parsed, count))
    }

    fn sequence(&mut self, at: Position, depth: usize) -> Result<(Parsed, usize), SyntaxError> {
        let (mut items, mut marks, mut total) = (Vec::new(), PositionTree::list(at), 1);
        self.lists += 1;
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                self.lists -= 1;
                return Ok((Parsed { value: Value::Array(items), marks }, total));
            }
            self.memory.take(Memory::VALUE, at)?;
            let (item, count) = self.value(event, at, depth + 1)?;
            total += count;
            if self.retain.positions() {
                marks.children.push((item_name(&item.value), item.marks));
            }
            items.push(item.value);
        }
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Result<(Parsed, usize), SyntaxError> {
        let (mut members, mut merged, mut total) = (Members::new(at, self.retain), Vec::new(), 1);
        loop {
            let (event, at) = self.next()?;
            let (key, is_merge) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, anchor, tag) => {
                    if let Some(tag) = tag.as_deref().filter(|tag| !tag.is_yaml_core_schema()) {
                        return Err(unknown_tag(tag, at));
                    }
                    let is_merge = style == ScalarStyle::Plain && text == "<<";
                    let key = text.into_owned();
                    if anchor != 0 {
                        let parsed =
                            Parsed { value: key.clone().into(), marks: PositionTree::leaf(at) };
                        self.anchors.insert(anchor, (parsed, 1));
                    }
                    (key, is_merge)
                }
                Event::Alias(anchor) => match self.anchors.get(&anchor) {
                    Some((Parsed { value: Value::String(key), .. }, _)) => (key.clone(), false),
                    _ => return Err(SyntaxError::refused(at, "a key that is no text")),
                },
                _ => return Err(SyntaxError::refused(at, "a key that is no text")),
            };
            members.check(&key, at)?;
            self.memory.member(&key, members.map.is_empty(), at)?;
            let (event, value_at) = self.next()?;
            let (value, count) = self.value(event, value_at, depth + 1)?;
            total += count;
            match is_merge {
                true => merged.push((value, value_at)),
                false => members.insert(key, at, value, self.lists),
            }
        }
        for (value, at) in merged {
            merge(&mut members, value, at)?;
        }
        Ok((members.finish(), total))
    }
}

/// Adds the members of a merge key's mapping, or mappings, that the object does not have. The
/// earlier mapping wins.
fn merge(members: &mut Members, parsed: Parsed, at: Position) -> Result<(), SyntaxError> {
    match parsed.value {
        Value::Object(map) => {
            let mut marks: HashMap<Box<str>, PositionTree> =
                parsed.marks.children.into_iter().collect();
            for (key, value) in map {
                if members.map.contains_key(&key) {
                    continue;
                }
                let marks = marks.remove(key.as_str()).unwrap_or_else(|| PositionTree::leaf(at));
                members.insert(key, marks.position, Parsed { value, marks }, 1);
            }
            Ok(())
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let mut marks = parsed.marks.children.into_iter();
            for value in items {
                let marks = marks.next().map_or_else(|| PositionTree::leaf(at), |(_, marks)| marks);
                merge(members, Parsed { value, marks }, at)?;
            }
            Ok(())
        }
        _ => Err(SyntaxError::refused(at, "a merge key takes a mapping or a list of mappings")),
    }
}

fn unknown_tag(tag: &Tag, at: Position) -> SyntaxError {
    SyntaxError::refused(at, format!("unknown tag {}", crate::quoting::code(&tag.to_string())))
}

fn collection_tag(tag: Option<&Tag>, expected: &str, at: Position) -> Result<(), SyntaxError> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
            Err(unknown_tag(tag, at))
        }
        _ => Ok(()),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Value, SyntaxError> {
    let no_value = || SyntaxError::refused(at, "a number that is no JSON value");
    match tag {
        None if style != ScalarStyle::Plain => Ok(text.into()),
        None => plain(text).ok_or_else(no_value),
        Some(tag) if tag.is_yaml_core_schema() => match (tag.suffix.as_str(), plain(text)) {
            ("str", _) => Ok(text.into()),
            ("int" | "float", Some(value)) if value.is_number() => Ok(value),
            ("bool", Some(value)) if value.is_boolean() => Ok(value),
            ("null", Some(Value::Null)) => Ok(Value::Null),
            _ => Err(unknown_tag(tag, at)),
        },
        // `!` alone means: not resolved, a text.
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(text.into()),
        Some(tag) => Err(unknown_tag(tag, at)),
    }
}

/// A plain scalar by the core schema. `None` for infinities and NaN.
fn plain(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(true.into()),
        "false" | "False" | "FALSE" => return Some(false.into()),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && let Ok(integer) = u64::from_str_radix(digits, radix)
            && !digits.starts_with('+')
        {
            return Some(integer.into());
        }
    }
    let starts_as_number = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || (unsigned.starts_with('.') && unsigned[1..].starts_with(|c: char| c.is_ascii_digit()));
    let is_number =
        starts_as_number && unsigned.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    // YAML 1.1 reads `007` as an octal number, YAML 1.2 as 7: the text is kept.
    let leading_zero = unsigned.len() > 1
        && unsigned.starts_with('0')
        && unsigned[1..].starts_with(|c: char| c.is_ascii_digit());
    match is_number && !leading_zero && text.parse::<f64>().is_ok() {
        true => number(text.strip_prefix('+').unwrap_or(text)),
        false => Some(text.into()),
    }
}
