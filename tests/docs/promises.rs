//! Every test named in docs/security-promises.md and docs/differences.md exists and is run, and
//! there are at least sixty promises. The same for docs/asvs.md, which covers every requirement;
//! SECURITY.md counts its rows.

use std::path::Path;

use inventree_auth::config;

const SECURITY: &str = include_str!("../../SECURITY.md");
const PROMISES: &str = include_str!("../../docs/security-promises.md");
const DIFFERENCES: &str = include_str!("../../docs/differences.md");
const ASVS: &str = include_str!("../../docs/asvs.md");
const CI: &str = include_str!("../../.ci/run");
const JUSTFILE: &str = include_str!("../../justfile");

struct Row<'p> {
    /// The last heading before the row.
    section: &'p str,
    cells: Vec<&'p str>,
}

fn rows_of(page: &str) -> Vec<Row<'_>> {
    let (mut section, mut rows) = ("", Vec::new());
    for line in page.lines() {
        if line.starts_with('#') {
            section = line.trim_start_matches('#').trim();
        }
        let Some(line) = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|')) else {
            continue;
        };
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let is_heading =
            ["test", "where"].contains(&cells[cells.len() - 1]) || cells[0].starts_with("---");
        if !is_heading {
            rows.push(Row { section, cells });
        }
    }
    rows
}

impl Row<'_> {
    /// Other tables compare the server with a standard, point by point.
    fn is_promise(&self) -> bool {
        !["AAL2", "RFC 9700"].iter().any(|standard| self.section.contains(standard))
    }
}

/// The texts in backticks.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// The reason why a test is no evidence, or `None`.
fn fault(file: &str, function: &str) -> Option<String> {
    let Some(text) = read(file) else { return Some("there is no such file".to_owned()) };
    let is_it = |line: &str| {
        line.trim_start().trim_start_matches("async ").starts_with(&format!("fn {function}("))
    };
    let Some(at) = text.lines().position(is_it) else {
        return Some("there is no such test".to_owned());
    };
    let before: Vec<&str> = text.lines().take(at).collect();
    let attributes =
        before.iter().rev().take_while(|line| line.trim_start().starts_with(['#', '/'])).copied();
    let attributes = attributes.collect::<Vec<_>>().join("\n");
    if function == "main" {
        // A program `src/bin/NAME.rs` or `src/bin/NAME/main.rs`, run as a step of CI.
        let name = file.trim_end_matches(".rs").trim_end_matches("/main");
        let name = name.rsplit('/').next().unwrap_or_default();
        return (!CI.contains(&format!("/{name} ")))
            .then(|| "CI does not run this program".to_owned());
    }
    if !attributes.contains("test]") && !attributes.contains("test(") {
        return Some("this is no test".to_owned());
    }
    let mut parts = file.trim_start_matches("tests/").split(['/', '.']);
    let program = parts.next().unwrap_or_default();
    let module = parts.next().unwrap_or_default();
    // Tests on PostgreSQL run with the ordinary tests where PostgreSQL is installed, as in CI.
    let is_on_postgresql =
        attributes.contains("cargo test --test postgresql") && CI.contains(" in postgresql ");
    let is_asked_for =
        is_on_postgresql || CI.contains(&format!("--test {program} {module} -- --ignored"));
    (attributes.contains("#[ignore") && !is_asked_for)
        .then(|| "nobody runs what is ignored".to_owned())
}

/// The file of a test of sign-in providers.
fn of_social(name: &str) -> String {
    const FOLDER: &str = "tests/server/social";
    let files = std::fs::read_dir(crate::markdown::root().join(FOLDER)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut paths = names.map(|file| format!("{FOLDER}/{file}"));
    let has = |path: &String| read(path).is_some_and(|text| text.contains(&format!("fn {name}(")));
    paths.find(has).unwrap_or_else(|| FOLDER.to_owned())
}

#[test]
fn every_test_that_a_promise_names_exists_and_is_run() {
    let mut faults = Vec::new();
    let mut tests = 0;
    for row in rows_of(PROMISES) {
        let [promise, source, test] = row.cells[..] else {
            faults.push(format!("three cells are a row: {:?}", row.cells));
            continue;
        };
        if source.is_empty() || (named(test).next().is_none() && row.is_promise()) {
            faults.push(format!("`{promise}` has no source or no test"));
        }
        for name in named(test) {
            tests += 1;
            let why = match name.split_once("::") {
                Some((file, function)) => fault(file, function),
                // The page states that these are in one folder.
                None if !name.contains('/') => fault(&of_social(name), name),
                None if read(name).is_none() => Some("there is no such file".to_owned()),
                None => {
                    let is_run = CI.contains(name) || JUSTFILE.contains(name);
                    (!is_run).then(|| "neither CI nor a recipe runs it".to_owned())
                }
            };
            faults.extend(why.map(|why| format!("`{name}`: {why}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tests >= 60, "{tests}");
}

#[test]
fn sixty_promises_have_no_duplicates() {
    let rows = rows_of(PROMISES);
    let mut promises: Vec<&str> =
        rows.iter().filter(|row| row.is_promise()).map(|row| row.cells[0]).collect();
    let all = promises.len();
    promises.sort_unstable();
    promises.dedup();
    assert_eq!(promises.len(), all);
    assert!(all >= 60, "{all}");
}

/// The table of differences names files.
#[test]
fn every_file_that_a_difference_names_exists() {
    let rows = rows_of(DIFFERENCES);
    assert!(rows.len() >= 15, "{}", rows.len());
    for row in rows {
        let file = named(row.cells[row.cells.len() - 1]).next().unwrap();
        assert!(read(file).or_else(|| read(&format!("src/{file}"))).is_some(), "{file}");
    }
}

/// Tests the checker.
#[test]
fn missing_ignored_or_unrun_tests_are_detected() {
    const ADMINISTRATORS: &str = "tests/cli/operators/administrators.rs";
    assert!(fault("tests/server/limits.rs", "spellings_of_a_name_share_one_limit").is_none());
    assert!(fault("tests/server/limits.rs", "no_such_test").is_some());
    assert!(fault("tests/no_such_file.rs", "x").is_some());
    assert!(fault("tests/server/limits.rs", "assert_throttled").is_some(), "a helper is no test");
    assert!(
        fault("tests/cli/import/sources.rs", "inventree_database_is_imported").is_some(),
        "ignored, and in no step"
    );
    assert!(
        fault(ADMINISTRATORS, "terminal_prompt_asks_for_the_password_twice").is_none(),
        "ignored, and in a step"
    );
}

/// The sections of ASVS 5.0.0 in the chapters that docs/asvs.md covers, with the level of each
/// requirement.
const LEVELS: &[(&str, &str)] = &[
    ("6.1", "122"),
    ("6.2", "111111112222"),
    ("6.3", "11223333"),
    ("6.4", "112233"),
    ("6.5", "22222333"),
    ("6.6", "2223"),
    ("6.7", "33"),
    ("6.8", "2222"),
    ("7.1", "222"),
    ("7.2", "1111"),
    ("7.3", "22"),
    ("7.4", "11222"),
    ("7.5", "223"),
    ("7.6", "22"),
    ("8.1", "1233"),
    ("8.2", "1123"),
    ("8.3", "133"),
    ("8.4", "23"),
    ("9.1", "111"),
    ("9.2", "1222"),
    ("10.1", "22"),
    ("10.2", "223"),
    ("10.3", "22223"),
    ("10.4", "1111122222233333"),
    ("10.5", "22222"),
    ("10.6", "22"),
    ("10.7", "222"),
    ("13.1", "2333"),
    ("13.2", "222223"),
    ("13.3", "2233"),
    ("13.4", "1222233"),
    ("14.1", "22"),
    ("14.2", "12223333"),
    ("14.3", "122"),
    ("16.1", "2"),
    ("16.2", "22222"),
    ("16.3", "2222"),
    ("16.4", "222"),
    ("16.5", "2223"),
];

/// Requirements for documentation.
const DOCUMENTED: [&str; 7] = ["6.1.", "7.1.", "8.1.", "13.1.", "14.1.", "16.1.", "6.8.4"];

/// Number and level.
fn requirements() -> Vec<(String, char)> {
    let of_section = |(section, levels): &(&str, &str)| {
        let numbered = levels.chars().enumerate();
        numbered.map(|(n, level)| (format!("{section}.{}", n + 1), level)).collect::<Vec<_>>()
    };
    LEVELS.iter().flat_map(of_section).collect()
}

/// The anchor that GitHub generates for a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    heading.trim_start_matches('#').trim().chars().filter_map(kept).collect()
}

enum Evidence {
    Test,
    Document,
    /// A setting, a header or a claim: no evidence by itself.
    Name,
}

/// # Errors
///
/// The reason why a name in the column "where" is no evidence.
fn evidence(name: &str) -> Result<Evidence, String> {
    if let Some((file, function)) = name.split_once("::") {
        return fault(file, function).map_or(Ok(Evidence::Test), Err);
    }
    if let Some((file, wanted)) = name.split_once('#') {
        let text = read(file).ok_or("there is no such file")?;
        let found =
            text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == wanted);
        return if found {
            Ok(Evidence::Document)
        } else {
            Err("there is no such heading".to_owned())
        };
    }
    if name.starts_with("tests/") {
        let is_run = read(name).is_some() && (CI.contains(name) || JUSTFILE.contains(name));
        return if is_run {
            Ok(Evidence::Test)
        } else {
            Err("neither CI nor a recipe runs it".to_owned())
        };
    }
    if name.starts_with("INVENTREE_") && !config::settings().any(|known| known.name == name) {
        return Err("there is no such setting".to_owned());
    }
    Ok(Evidence::Name)
}

fn faults_of_asvs(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let requirements = requirements();
    let mut missing: Vec<&str> = requirements
        .iter()
        .filter(|(_, level)| *level != '3')
        .map(|(number, _)| number.as_str())
        .collect();
    let mut listed = Vec::new();
    for row in rows_of(page) {
        let [number, level, requirement, state, place] = row.cells[..] else {
            faults.push(format!("five cells are a row: {:?}", row.cells));
            continue;
        };
        missing.retain(|missing| *missing != number);
        if listed.contains(&number) {
            faults.push(format!("{number} is there twice"));
        }
        listed.push(number);
        let known = requirements.iter().find(|(known, _)| known == number);
        if known.is_none_or(|(_, known)| known.to_string() != level) || requirement.is_empty() {
            faults.push(format!("{number} has another level or text, or does not exist"));
        }
        let (mut tests, mut documents) = (0, 0);
        for name in named(place) {
            match evidence(name) {
                Ok(Evidence::Test) => tests += 1,
                Ok(Evidence::Document) => documents += 1,
                Ok(Evidence::Name) => {}
                Err(why) => faults.push(format!("{number}: `{name}`: {why}")),
            }
        }
        // The text besides the names.
        let characters: usize =
            place.split('`').step_by(2).map(|text| text.trim_matches([',', ' ']).len()).sum();
        let is_shown = match state {
            "met" if DOCUMENTED.iter().any(|documented| number.starts_with(documented)) => {
                documents > 0
            }
            "met" => tests > 0,
            "partly" => tests + documents > 0 && characters > 20,
            "not met" => level != "3" && characters > 20,
            "not applicable" => characters > 0,
            _ => false,
        };
        if !is_shown {
            faults.push(format!("{number}: nothing shows that it is `{state}`"));
        }
    }
    faults.extend(missing.iter().map(|number| format!("{number} is missing")));
    faults
}

#[test]
fn every_requirement_of_asvs_is_listed_with_a_test_that_exists_or_a_reason() {
    let faults = faults_of_asvs(ASVS);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn security_page_counts_the_requirements_of_levels_1_and_2() {
    let rows = rows_of(ASVS);
    let is = |state: &str| {
        let of_state = |row: &&Row<'_>| row.cells[1] != "3" && state == row.cells[3];
        rows.iter().filter(of_state).count()
    };
    let (met, partly, not_met, not_applicable) =
        (is("met"), is("partly"), is("not met"), is("not applicable"));
    let text = SECURITY.split_whitespace().collect::<Vec<_>>().join(" ");
    let all = met + partly + not_met + not_applicable;
    for wanted in [
        format!("Of the {all} requirements of OWASP ASVS 5.0, levels 1 and 2"),
        format!("{met} are met, {partly} partly met, {not_met} not met, and {not_applicable} not"),
    ] {
        assert!(text.contains(&wanted), "SECURITY.md should say: {wanted}");
    }
}

#[test]
fn invalid_row_of_the_asvs_table_is_detected() {
    for (from, to) in [
        ("| 7.4.1 | 1 |", "| 7.4.1 | 2 |"),
        ("| 7.4.1 | 1 |", "| 7.4.9 | 1 |"),
        ("| 7.4.1 | 1 |", "| 7.4.2 | 1 |"),
        ("::password_does_not_expire", "::no_such_test"),
        ("tests/packaging/run", "tests/packaging/no-such-script"),
        ("security-design.md#guessing", "security-design.md#no-such-heading"),
        ("INVENTREE_OLD_PASSWORD_REQUIRED", "INVENTREE_NO_SUCH_SETTING"),
        (" | met | `tests/server/asvs.rs::password_does_not_expire`", " | met | a text"),
        (" | met | `tests/server/asvs.rs::password_does_not_expire`", " | mostly | a text"),
        (
            " | met | `docs/security-design.md#guessing`",
            " | met | `tests/server/asvs.rs::password_does_not_expire`",
        ),
    ] {
        assert!(ASVS.contains(from), "{from}");
        assert!(!faults_of_asvs(&ASVS.replace(from, to)).is_empty(), "{from} -> {to}");
    }
}
