//! Every command in the documents is run here, or listed here with the test that runs it. A new
//! command fails this test until it is run or listed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::markdown::documents;
use test_support::inventree::Source;

const CI: &str = include_str!("../../.ci/run");
const JUSTFILE: &str = include_str!("../../justfile");
const PASSWORD: &str = "Zebra-Quartz-77";

/// Commands that exit with another code than 0 on the files of [`prepare`].
const EXITS: [(&str, i32); 2] = [
    ("git show origin/main:openapi.yaml | inventree-auth spec diff", 1),
    ("inventree-auth spec diff --old main.yaml --new branch.yaml", 1),
];

/// Prefixes of commands that another test runs, and that test.
const ELSEWHERE: [(&str, &str); 34] = [
    ("inventree-auth leaked-passwords", "tests/cli/leaked_passwords.rs"),
    ("INVENTREE_LEAKED_PASSWORDS=", "tests/cli/leaked_passwords.rs"),
    ("mysqldump ", "tests/cli/import/dumps.rs"),
    ("inventree-auth import inventree --from inventree.sql ", "tests/cli/import/dumps.rs"),
    ("inventree-auth serve --demo", "tests/server/demo.rs"),
    (
        "INVENTREE_LOGIN_ENABLE_REG=true INVENTREE_EMAIL_BACKEND=console cargo run",
        "tests/readme_conversation/run",
    ),
    ("REFRESH_GENERATED=1 cargo build", "tests/readme_contract/run"),
    ("REFRESH_GENERATED=1 cargo test --test docs settings", "tests/docs/settings.rs"),
    ("REFRESH_GENERATED=1 cargo test --test docs modules", "tests/docs/modules.rs"),
    ("cargo build", "tests/readme_contract/run"),
    ("cargo run --release --", "tests/readme_conversation/run"),
    ("cargo run --quiet -- spec diff", "tests/readme_contract/run"),
    ("cargo test --workspace", "step tests"),
    ("cargo test -p specbound-contract ", "step tests"),
    ("cargo test --lib languages", "step tests"),
    ("cargo run -p specbound-cli -- generate", "crates/specbound-cli/tests/commands.rs"),
    ("cargo run --example corpus", "step corpus"),
    ("cargo run -p specbound-codegen --example progenitor", "tests/corpus/compare"),
    ("cargo run -- export", "tests/corpus/run"),
    ("cargo install specbound-cli", "step packages"),
    // tests/new_project/run builds and runs the program that it installs.
    ("cargo install --path crates/specbound-cli", "tests/new_project/run"),
    ("cargo install --git", "step packages"),
    ("specbound ", "crates/specbound-cli/tests/commands.rs"),
    ("git show main:api.yaml | specbound ", "crates/specbound-cli/tests/commands.rs"),
    ("cargo test --test docs words", "step words"),
    ("cargo test --test mutation", "step tests"),
    ("cargo test --test cli operators -- --ignored", "step terminal"),
    ("cargo test --test cli mariadb -- --ignored", "step mariadb"),
    ("cargo test --test postgresql", "step tests"),
    ("inventree-auth copy ", "tests/cli/copy.rs"),
    ("export INVENTREE_DB_", "tests/support/src/database.rs"),
    ("inventree-auth serve --bind 0.0.0.0", "tools/src/bin/nodes.rs"),
    // Needs a private database.
    ("INVENTREE_DATABASE=FILE", "tests/cli/import/sources.rs"),
    // An image registry may be unreachable. tests/packaging/run uses a root with the same files.
    ("podman ", "Containerfile"),
];

/// Comments before blocks that a script runs verbatim.
const SCRIPTED: [&str; 3] = ["<!-- walk -->", "<!-- conversation -->", "<!-- new project -->"];

/// Takes ten minutes of builds, needs an idle machine, or modifies the checkout.
const NOT_IN_CI: [&str; 5] =
    ["just mutation", "just bench-peers", "just bench-timing", "just lint", "just release"];

/// Writes the files that the commands use.
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

/// All commands in document order: lines of shell blocks and texts in backticks, without comments.
fn commands() -> Vec<String> {
    documents().iter().flat_map(|document| commands_of(&document.text)).collect()
}

fn commands_of(text: &str) -> Vec<String> {
    const BEGINNINGS: [&str; 7] = [
        "inventree-auth ",
        "cargo ",
        "just ",
        "bash ",
        "podman ",
        "INVENTREE_DATABASE=",
        "REFRESH_GENERATED=1 cargo ",
    ];
    let mut found = Vec::new();
    let mut block: Option<&str> = None;
    // In a block that a script runs verbatim.
    let mut is_scripted = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (None, Some("sh")) if !is_scripted => {
                found.push(line.split("   #").next().unwrap_or_default().trim().to_owned());
            }
            (None, Some(_)) => {}
            (None, None) if SCRIPTED.contains(&line) => is_scripted = true,
            (None, None) if line == "<!-- end -->" => is_scripted = false,
            (None, None) => {
                let quoted = line.split('`').skip(1).step_by(2);
                let is_command =
                    |text: &&str| BEGINNINGS.iter().any(|begin| text.starts_with(begin));
                found.extend(quoted.filter(is_command).map(str::to_owned));
            }
        }
    }
    found.retain(|command| !command.is_empty());
    found
}

/// Runs a line in a shell, with this build's binary under its name.
fn run(folder: &Path, line: &str) -> (Option<i32>, String) {
    let binary = env!("CARGO_BIN_EXE_inventree-auth");
    // Replaces git's output: the command that reads it is under test.
    let script =
        format!("inventree-auth() {{ '{binary}' \"$@\"; }}\ngit() {{ cat main.yaml; }}\n{line}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A server on the folder's database, stopped on drop.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path) -> (Server, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inventree-auth"));
    command
        .args(["serve", "--bind", "127.0.0.1:0"])
        .current_dir(folder)
        .env("INVENTREE_JSON_LOG", "true");
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
fn commands_are_found_in_shell_blocks_and_backticks() {
    let text =
        "`just a` and `no command`\n```sh\ninventree-auth b   # why\n```\n```text\ncargo c\n```\n";
    assert_eq!(commands_of(text), ["just a", "inventree-auth b"]);
    assert_eq!(
        commands_of("<!-- walk -->\n```sh\ncargo build\n```\n<!-- end -->\n`cargo d`"),
        ["cargo d"]
    );
}

#[tokio::test]
async fn every_documented_command_works() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let mut server = None;
    let mut ran = 0;
    for command in commands() {
        if let Some((_, place)) = ELSEWHERE.iter().find(|(begins, _)| command.starts_with(begins)) {
            let place = place.split(", ").next().unwrap();
            let is_there =
                CI.contains(place) || Path::new(env!("CARGO_MANIFEST_DIR")).join(place).exists();
            assert!(is_there, "`{command}` should be run by {place}, which does not exist");
            continue;
        }
        if let Some(script) = command.strip_prefix("bash ") {
            let script = script.split(' ').next().unwrap();
            assert!(CI.contains(script), "`{command}`: .ci/run does not run it");
            continue;
        }
        if command.starts_with("cargo ") && CI.contains(&command) {
            continue;
        }
        if let Some(recipe) = command.strip_prefix("just ") {
            let recipe = recipe.split(' ').next().unwrap();
            let is_recipe = JUSTFILE.lines().any(|line| {
                line.strip_prefix(recipe)
                    .is_some_and(|rest| rest.starts_with(':') || rest.starts_with(' '))
            });
            assert!(is_recipe, "`{command}`: there is no such recipe");
            let is_excused =
                NOT_IN_CI.iter().any(|excused| excused.strip_prefix("just ") == Some(recipe));
            let is_tried = CI.contains(&format!("step {recipe}")) || is_excused;
            assert!(
                is_tried,
                "`{command}`: .ci/run does not run it, and NOT_IN_CI does not list it"
            );
            continue;
        }
        assert!(
            command.contains("inventree-auth "),
            "`{command}` is new: run it here, or list in ELSEWHERE the test that does"
        );
        if command.starts_with("inventree-auth token ") && server.is_none() {
            // The remaining commands run beside a server, with rows to revoke.
            let (running, base) = serve(folder);
            for _ in 0..8 {
                let body =
                    serde_json::json!({ "username": "bob", "password": PASSWORD }).to_string();
                let login = reqwest::Client::new().post(format!("{base}/api/auth/login/"));
                let response = login
                    .header("content-type", "application/json")
                    .body(body)
                    .send()
                    .await
                    .unwrap();
                assert!(response.status().is_success(), "{response:?}");
            }
            server = Some(running);
        }
        // tests/cli/operators uses a terminal; here the same command reads a password file.
        let asks =
            ["user add amy", "user set-password amy"].iter().any(|asks| command.contains(asks));
        let line =
            if asks { format!("{command} --password-file password.txt") } else { command.clone() };
        let expected = EXITS
            .iter()
            .find(|(begins, _)| command.starts_with(begins))
            .map_or(0, |(_, code)| *code);
        let (code, printed) = run(folder, &line);
        assert_eq!(code, Some(expected), "`{line}` printed: {printed}");
        ran += 1;
    }
    assert!(ran >= 25, "{ran} commands were found");
    for made in [
        "comment.md",
        "api.yaml",
        "inventree-auth.service",
        "inventree-auth.bash",
        "man1/inventree-auth.1",
    ] {
        assert!(std::fs::metadata(folder.join(made)).unwrap().len() > 100, "{made}");
    }
}
