//! JSON with positions. Strings are decoded by `serde_json`; only the structure is read here.

use serde_json::Value;

use super::{
    MAX_DEPTH, Members, Memory, Parsed, Position, PositionTree, Retain, SyntaxError, item_name,
    number,
};

pub(super) fn read(text: &str, retain: Retain, memory: Memory) -> Result<Parsed, SyntaxError> {
    let position = Position { line: 1, column: 1 };
    let mut reader = Reader { text, at: 0, position, retain, lists: 0, memory };
    reader.skip_white_space();
    let parsed = reader.value(0)?;
    reader.skip_white_space();
    match reader.peek() {
        None => Ok(parsed),
        Some(_) => Err(reader.expected("the end of the text")),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Index of the next byte.
    at: usize,
    position: Position,
    retain: Retain,
    /// The number of lists around the next byte.
    lists: usize,
    memory: Memory,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, what: &str) -> SyntaxError {
        SyntaxError::syntax(self.position, format!("expected {what}"))
    }

    /// Passes over bytes without a line break.
    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        let characters = taken.bytes().filter(|byte| byte & 0xC0 != 0x80).count();
        self.position.column += u32::try_from(characters).unwrap_or(u32::MAX);
        taken
    }

    fn skip_white_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            match byte {
                b'\n' => self.position = Position { line: self.position.line + 1, column: 1 },
                _ => self.position.column += 1,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Parsed, SyntaxError> {
        let position = self.position;
        if depth > MAX_DEPTH {
            return Err(SyntaxError::too_deep(position));
        }
        let value = match self.peek() {
            Some(b'{') => return self.object(depth),
            Some(b'[') => return self.list(depth),
            Some(b'"') => self.string()?.into(),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Parsed { value, marks: PositionTree::leaf(position) })
    }

    fn object(&mut self, depth: usize) -> Result<Parsed, SyntaxError> {
        let mut members = Members::new(self.position, self.retain);
        self.take(1);
        self.skip_white_space();
        while self.peek() != Some(b'}') {
            if !members.map.is_empty() {
                self.comma("`,` or `}`")?;
            }
            let at = self.position;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key in quotes"));
            }
            let key = self.string()?;
            self.skip_white_space();
            if self.peek() != Some(b':') {
                return Err(self.expected("`:`"));
            }
            // The text is JSON so far: a key that repeats is refused, and not tried as YAML.
            members.check(&key, at)?;
            self.memory.member(&key, members.map.is_empty(), at)?;
            self.take(1);
            self.skip_white_space();
            let value = self.value(depth + 1)?;
            members.insert(key, at, value, self.lists);
            self.skip_white_space();
        }
        self.take(1);
        Ok(members.finish())
    }

    fn list(&mut self, depth: usize) -> Result<Parsed, SyntaxError> {
        let mut marks = PositionTree::list(self.position);
        let mut items = Vec::new();
        self.lists += 1;
        self.take(1);
        self.skip_white_space();
        while self.peek() != Some(b']') {
            if !items.is_empty() {
                self.comma("`,` or `]`")?;
            }
            self.memory.take(Memory::VALUE, self.position)?;
            let item = self.value(depth + 1)?;
            if self.retain.positions() {
                marks.children.push((item_name(&item.value), item.marks));
            }
            items.push(item.value);
            self.skip_white_space();
        }
        self.take(1);
        self.lists -= 1;
        Ok(Parsed { value: Value::Array(items), marks })
    }

    fn comma(&mut self, what: &str) -> Result<(), SyntaxError> {
        if self.peek() != Some(b',') {
            return Err(self.expected(what));
        }
        self.take(1);
        self.skip_white_space();
        Ok(())
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let position = self.position;
        let bytes = &self.text.as_bytes()[self.at..];
        let mut end = 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(b'\n') | None => {
                    return Err(SyntaxError::syntax(position, "a string without an end"));
                }
                Some(_) => end += 1,
            }
        }
        self.memory.take(end, position)?;
        let quoted = self.take(end + 1);
        serde_json::from_str(quoted).map_err(|error| {
            // `serde_json` counts lines and columns of the string alone.
            let message = error.to_string();
            SyntaxError::syntax(position, message.split(" at line").next().unwrap_or(&message))
        })
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let position = self.position;
        let text = self.token();
        // Rust reads more than JSON: `1.`, `01`.
        let is_json = serde_json::from_str::<serde_json::Number>(text).is_ok();
        let value = number(text).filter(|_| is_json);
        value.ok_or_else(|| SyntaxError::syntax(position, "this is no number of JSON"))
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let error = self.expected("a value");
        match self.token() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            "null" => Ok(Value::Null),
            _ => Err(error),
        }
    }

    fn token(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| c.is_whitespace() || ",]}:".contains(c)).unwrap_or(rest.len());
        self.take(end)
    }
}
