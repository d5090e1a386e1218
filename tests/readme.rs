//! The README's commands do what it says: each is run, or named here with what runs it.
//!
//! A command that is new there fails this test until it is run or named.

#[allow(dead_code)]
#[path = "support/inventree.rs"]
mod inventree;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use inventree::Source;

const README: &str = include_str!("../README.md");
const CI: &str = include_str!("../.ci/run");
const JUSTFILE: &str = include_str!("../justfile");
const PASSWORD: &str = "Zebra-Quartz-77";

/// Those that end otherwise than with 0 on what [`prepare`] puts there.
const EXITS: [(&str, i32); 2] = [
    ("git show origin/main:openapi.yaml | inventree-auth spec diff", 1),
    ("inventree-auth spec diff --old main.yaml --new branch.yaml", 1),
];

/// Those that are tried elsewhere, by their beginnings, and where.
const ELSEWHERE: [(&str, &str); 13] = [
    ("inventree-auth serve --demo", "tests/pages.rs"),
    ("INVENTREE_LOGIN_ENABLE_REG=true INVENTREE_EMAIL_BACKEND=console cargo run", "tests/readme_conversation/run"),
    ("cargo test --workspace", "step tests"),
    ("cargo run --example generate", "tests/documents.rs, cargo run --example generate"),
    ("cargo test --test mutation", "step tests"),
    ("cargo test --test operators -- --ignored", "step terminal"),
    ("WHOLE_API=FILE cargo test", "step whole_api"),
    ("cargo test --test postgresql", "step tests"),
    ("inventree-auth copy ", "tests/copy.rs"),
    ("export INVENTREE_DB_", "tests/support/place.rs"),
    ("inventree-auth serve --bind 0.0.0.0", "tests/crash/nodes.rs"),
    // Needs a database that is nobody's to give away.
    ("INVENTREE_DATABASE=FILE", "tests/import.rs"),
    // No registry of images can be counted on; tests/packaging/run tries a root with the same files.
    ("podman ", "Containerfile"),
];

/// Ten minutes of builds, or figures that a busy machine would spoil.
const NOT_IN_CI: [&str; 3] = ["just mutation", "just bench-peers", "just bench-timing"];

/// What the README's lines find in their folder.
fn prepare(folder: &Path) {
    let document = inventree_auth::contract::SOURCE;
    let stricter = document.replacen("maxLength: 150", "maxLength: 30", 1);
    assert_ne!(stricter, document);
    for (name, text) in [("FILE", document), ("main.yaml", document), ("branch.yaml", &stricter)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(folder.join("openapi.yaml"), &stricter).unwrap();
    std::fs::write(folder.join("password.txt"), format!("{PASSWORD}\n")).unwrap();
    let source = Source::new(folder);
    source.account(1, "carol", "!unusable");
    assert!(folder.join("inventree.sqlite3").exists());
}

/// The commands of the README in their order: lines of its shell blocks and what stands in backticks, without comments.
fn commands() -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<&str> = None;
    // Blocks that a script of its own runs word for word.
    let mut is_tried_whole = false;
    for line in README.lines() {
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (None, Some("sh")) if !is_tried_whole => found.push(line.split("   #").next().unwrap().trim().to_owned()),
            (None, Some(_)) => {}
            (None, None) if ["<!-- walk -->", "<!-- conversation -->"].contains(&line) => is_tried_whole = true,
            (None, None) if line == "<!-- end -->" => is_tried_whole = false,
            (None, None) => {
                let quoted = line.split('`').skip(1).step_by(2);
                let begins =
                    ["inventree-auth ", "cargo ", "just ", "bash ", "podman ", "WHOLE_API=", "INVENTREE_DATABASE="];
                found.extend(quoted.filter(|text| begins.iter().any(|b| text.starts_with(b))).map(str::to_owned));
            }
        }
    }
    found.retain(|command| !command.is_empty());
    found
}

/// Runs a line as a shell does, with this build's binary by its name.
fn run(folder: &Path, line: &str) -> (Option<i32>, String) {
    let binary = env!("CARGO_BIN_EXE_inventree-auth");
    // What stands for git's own answer: the command that reads it is what is tried.
    let script = format!("inventree-auth() {{ '{binary}' \"$@\"; }}\ngit() {{ cat main.yaml; }}\n{line}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A server on the folder's own database, for as long as it lives.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path) -> (Server, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inventree-auth"));
    command.args(["serve", "--bind", "127.0.0.1:0"]).current_dir(folder).env("INVENTREE_JSON_LOG", "true");
    let mut server = Server(command.stderr(Stdio::piped()).spawn().unwrap());
    let log = BufReader::new(server.0.stderr.take().unwrap());
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["msg"] == "listening" {
            return (server, format!("http://{}", line["address"].as_str().unwrap()));
        }
    }
    panic!("the server ended");
}

#[test]
fn every_picture_of_the_readme_is_one_that_the_browser_test_makes() {
    let walk = include_str!("pages/walk.js");
    let named = README.split("](tests/pages/screens/").skip(1).filter_map(|rest| rest.split(".png)").next());
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 4);
    for name in named {
        assert!(walk.contains(&format!("picture(page, \"{name}\"")), "{name}: nobody makes it");
        let file = format!("{}/tests/pages/screens/{name}.png", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
}

#[tokio::test]
async fn every_command_of_the_readme_works_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let mut server = None;
    let mut ran = 0;
    for command in commands() {
        if let Some((_, place)) = ELSEWHERE.iter().find(|(begins, _)| command.starts_with(begins)) {
            let place = place.split(", ").next().unwrap();
            let is_there = CI.contains(place) || Path::new(env!("CARGO_MANIFEST_DIR")).join(place).exists();
            assert!(is_there, "`{command}` is to be tried by {place}, which is not there");
            continue;
        }
        if let Some(script) = command.strip_prefix("bash ") {
            let script = script.split(' ').next().unwrap();
            assert!(CI.contains(script), "`{command}`: .ci/run does not run it");
            continue;
        }
        if let Some(recipe) = command.strip_prefix("just ") {
            let recipe = recipe.split(' ').next().unwrap();
            let is_recipe = JUSTFILE.lines().any(|line| {
                line.strip_prefix(recipe).is_some_and(|rest| rest.starts_with(':') || rest.starts_with(' '))
            });
            assert!(is_recipe, "`{command}`: there is no such recipe");
            let is_tried = CI.contains(&format!("step {recipe}")) || NOT_IN_CI.contains(&command.as_str());
            assert!(is_tried, "`{command}`: .ci/run does not do it, and this test does not excuse it");
            continue;
        }
        assert!(command.contains("inventree-auth "), "`{command}` is new: run it here, or say in ELSEWHERE what does");
        if command.starts_with("inventree-auth token ") && server.is_none() {
            // From here on beside a server, with rows to end.
            let (running, base) = serve(folder);
            for _ in 0..8 {
                let body = serde_json::json!({ "username": "bob", "password": PASSWORD }).to_string();
                let login = reqwest::Client::new().post(format!("{base}/api/auth/login/"));
                let answer = login.header("content-type", "application/json").body(body).send().await.unwrap();
                assert!(answer.status().is_success(), "{answer:?}");
            }
            server = Some(running);
        }
        // tests/operators.rs asks at a terminal; here the same command takes the password from a file.
        let asks = ["user add amy", "user set-password amy"].iter().any(|asks| command.contains(asks));
        let line = if asks { format!("{command} --password-file password.txt") } else { command.clone() };
        let expected = EXITS.iter().find(|(begins, _)| command.starts_with(begins)).map_or(0, |(_, code)| *code);
        let (code, said) = run(folder, &line);
        assert_eq!(code, Some(expected), "`{line}` said: {said}");
        ran += 1;
    }
    assert!(ran >= 25, "{ran} commands were found");
    for made in ["comment.md", "api.yaml", "inventree-auth.service", "inventree-auth.bash", "man1/inventree-auth.1"] {
        assert!(std::fs::metadata(folder.join(made)).unwrap().len() > 100, "{made}");
    }
}
