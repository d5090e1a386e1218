//! The binary, with documents that are made to exhaust it: it ends within seconds, in one line and
//! with exit status 2, or compares them.

mod generate;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest run. A debug build on a busy machine is some times slower than the binary of a user.
const MAX_DURATION: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 10 });

const HEAD: &str = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {}\n";

/// Compares a file with itself, with limits of the shell. Returns exit status and standard error.
fn run(limits: &str, file: &Path) -> (Option<i32>, String) {
    let script = format!("{limits} exec \"$0\" breaking \"$1\" \"$1\"");
    let started = Instant::now();
    let mut command = Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_specbound")]).arg(file);
    let output = command.output().unwrap();
    assert!(started.elapsed() < MAX_DURATION, "{:?}", started.elapsed());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The one line with which a text is refused.
fn refused(limits: &str, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = BufWriter::new(file.as_file());
    fill(&mut writer).unwrap();
    writer.flush().unwrap();
    let (code, line) = run(limits, file.path());
    assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.starts_with("specbound: ") && line.len() < 500, "{line}");
    line
}

#[test]
fn exponential_aliases_are_refused() {
    let line = refused("", |file| {
        writeln!(file, "{HEAD}x0: &a0 [x, x]")?;
        (1..60).try_for_each(|i| writeln!(file, "x{i}: &a{i} [*a{0}, *a{0}]", i - 1))
    });
    assert!(line.contains("aliases"), "{line}");
}

#[test]
fn deep_nesting_is_refused() {
    for (open, count) in [("[", 100_000), ("{\"a\":", 100_000), ("- ", 100_000), ("{a: ", 100_000)]
    {
        let line = refused("", |file| file.write_all(open.repeat(count).as_bytes()));
        assert!(line.contains("nested deeper"), "{line}");
    }
}

#[test]
fn documents_of_100_megabytes_are_refused() {
    let json = refused("", |file| {
        file.write_all(b"{\"openapi\": \"3.0.3\", \"paths\": {}, \"x-all\": [0")?;
        (0..25 << 20).try_for_each(|_| file.write_all(b", 12"))?;
        file.write_all(b"]}")
    });
    assert!(json.contains("larger than 64 MB"), "{json}");
    let yaml = refused("", |file| {
        file.write_all(HEAD.as_bytes())?;
        (0..10 << 20).try_for_each(|_| file.write_all(b"# comments"))
    });
    assert!(yaml.contains("larger than 64 MB"), "{yaml}");
}

#[test]
fn documents_larger_than_memory_are_refused() {
    // Small objects take most memory for their length.
    let objects = |file: &mut dyn Write| {
        file.write_all(b"{\"openapi\": \"3.0.3\", \"paths\": {}, \"x-all\": [0")?;
        (0..3 << 20).try_for_each(|_| file.write_all(b", {\"a\": 1}"))?;
        file.write_all(b"]}")
    };
    let line = refused("ulimit -v 600000;", objects);
    assert!(line.contains("more memory than there is"), "{line}");
    let yaml = |file: &mut dyn Write| {
        file.write_all(HEAD.as_bytes())?;
        file.write_all(b"x-all:\n")?;
        (0..1 << 20).try_for_each(|_| file.write_all(b"- {a: 1}\n"))
    };
    let line = refused("ulimit -v 600000;", yaml);
    assert!(line.contains("more memory than there is"), "{line}");
}

#[test]
fn circular_references_are_compared() {
    for body in [
        "components: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: \
         '#/components/schemas/A'}}}",
        "components: {schemas: {A: {allOf: [{$ref: '#/components/schemas/A'}]}}}",
        "components: {schemas: {A: {properties: {a: {$ref: '#/components/schemas/A'}}}}}",
        "components: {pathItems: {A: {$ref: '#/components/pathItems/A'}}}",
        "components: {responses: {A: {$ref: '#/components/responses/A'}}}",
        "x-a: {$ref: '#/x-a'}",
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{HEAD}{body}\n")).unwrap();
        let (code, error) = run("", file.path());
        match code {
            Some(0) => assert_eq!(error, "", "{body}"),
            _ => assert_eq!((code, error.lines().count()), (Some(2), 1), "{body}: {error}"),
        }
    }
}

#[test]
fn thousands_of_mutually_recursive_schemas_are_compared() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = BufWriter::new(file.as_file());
    write!(writer, "{HEAD}components:\n  schemas:\n").unwrap();
    let count = 150;
    for i in 0..count {
        let to = |j: usize| format!("p{j}: {{$ref: '#/components/schemas/S{j}'}}");
        let properties: Vec<String> = (0..count).map(to).collect();
        writeln!(writer, "    S{i}: {{properties: {{{}}}}}", properties.join(", ")).unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(run("", file.path()), (Some(0), String::new()));
}
