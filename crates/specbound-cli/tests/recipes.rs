//! Runs the recipes of `docs/contract-tools-ci.md` in a repository: the shell in them, with the
//! variables that the server sets, without checkout, installation and upload.

use std::path::Path;
use std::process::Command;

use serde_yaml_ng::Value;

const PAGE: &str = include_str!("../../../docs/contract-tools-ci.md");

/// The code block after a recipe's mark.
fn recipe(name: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("<!-- recipe: {name} -->\n```")).expect(name);
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

const API: &str = "\
openapi: 3.0.3
info: {title: Pets, version: 1.0.0}
paths:
  /pets:
    get:
      parameters: [{name: limit, in: query, schema: {type: integer, maximum: 100}}]
      responses: {'200': {description: ''}}
";

struct Repository(tempfile::TempDir);

impl Repository {
    /// A clone, on a branch with a change of the document.
    fn with_change(from: &str, to: &str) -> Repository {
        let repository = Repository(tempfile::tempdir().unwrap());
        let setup = "\
git init -q -b main upstream && cd upstream
cp ../openapi.yaml .
printf 'document = \"openapi.yaml\"\\nbase = \"origin/main\"\\n' > specbound.toml
git add -A && git commit -qm first
cd .. && git clone -q upstream clone && cd clone && git checkout -qb work
cp ../changed.yaml openapi.yaml && git commit -qam change";
        std::fs::write(repository.path().join("openapi.yaml"), API).unwrap();
        assert!(API.contains(from));
        let changed = API.replace(from, to);
        std::fs::write(repository.path().join("changed.yaml"), changed).unwrap();
        let (code, output) = run(setup, repository.path());
        assert_eq!(code, Some(0), "{output}");
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs shell in the clone. Returns the exit status and both outputs.
    fn run(&self, script: &str) -> (Option<i32>, String) {
        run(script, &self.path().join("clone"))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join("clone").join(name)).unwrap()
    }
}

fn run(script: &str, folder: &Path) -> (Option<i32>, String) {
    let binaries = Path::new(env!("CARGO_BIN_EXE_specbound")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-euc", script]).current_dir(folder).env("PATH", path);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "t"),
        ("GIT_AUTHOR_EMAIL", "t@example.org"),
        ("GIT_COMMITTER_NAME", "t"),
        ("GIT_COMMITTER_EMAIL", "t@example.org"),
        ("GITHUB_BASE_REF", "main"),
        ("GITHUB_STEP_SUMMARY", "summary.md"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
}

fn breaking() -> Repository {
    Repository::with_change("maximum: 100", "maximum: 50")
}

fn harmless() -> Repository {
    Repository::with_change("maximum: 100", "maximum: 200")
}

#[test]
fn git_hook_blocks_a_breaking_push() {
    for (repository, pushes) in [(breaking(), false), (harmless(), true)] {
        let hook = repository.path().join("clone/.git/hooks/pre-push");
        std::fs::write(&hook, recipe("hook")).unwrap();
        let (code, output) =
            repository.run("chmod +x .git/hooks/pre-push; git push -q origin work");
        assert_eq!(code == Some(0), pushes, "{output}");
        let (code, _) = repository.run("git -C ../upstream rev-parse --verify --quiet work");
        assert_eq!(code == Some(0), pushes);
    }
}

#[test]
fn pre_commit_hook_fails_for_a_breaking_change() {
    let config: Value = serde_yaml_ng::from_str(recipe("pre-commit")).unwrap();
    let hook = &config["repos"][0]["hooks"][0];
    let entry = hook["entry"].as_str().unwrap();
    assert_eq!(breaking().run(entry).0, Some(1));
    assert_eq!(harmless().run(entry).0, Some(0));
    assert_eq!(hook["pass_filenames"], false);
}

#[test]
fn github_workflow_annotates_and_writes_reports() {
    let workflow: Value = serde_yaml_ng::from_str(recipe("github")).unwrap();
    let steps = workflow["jobs"]["contract"]["steps"].as_sequence().unwrap();
    let runs = steps.iter().filter_map(|step| step["run"].as_str());
    let runs: Vec<&str> = runs.filter(|run| !run.starts_with("cargo install")).collect();
    for (repository, expected) in [(breaking(), 1), (harmless(), 0)] {
        let (code, output) = repository.run(runs[0]);
        assert_eq!(code, Some(expected), "{output}");
        assert_eq!(
            output.starts_with("::error file=openapi.yaml,line=6,"),
            expected == 1,
            "{output}"
        );
        let (code, output) = repository.run(runs[1]);
        assert_eq!(code, Some(0), "{output}");
        assert!(repository.read("summary.md").starts_with("### This change breaks"));
        assert!(repository.read("contract.html").starts_with("<!doctype html>"));
    }
}

#[test]
fn gitlab_job_writes_reports_and_fails() {
    let jobs: Value = serde_yaml_ng::from_str(recipe("gitlab")).unwrap();
    let job = &jobs["contract"];
    let lines = job["script"].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap());
    let script = lines.collect::<Vec<_>>().join("\n");
    for (repository, expected) in [(breaking(), 1), (harmless(), 0)] {
        let (code, output) = repository.run(&script);
        assert_eq!(code, Some(expected), "{output}");
        let reports = job["artifacts"]["reports"].as_mapping().unwrap();
        for (_, name) in reports {
            assert!(!repository.read(name.as_str().unwrap()).is_empty());
        }
        let quality = repository.read("code-quality.json");
        assert_eq!(quality.contains("schema-maximum-changed"), expected == 1, "{quality}");
    }
}

#[test]
fn accepted_change_passes() {
    let (_, command) = PAGE.rsplit_once("```sh\n").unwrap();
    let command = command.split_once("```").unwrap().0;
    let repository = breaking();
    assert_eq!(repository.run(command).0, Some(0));
    let (code, output) = repository.run("specbound");
    assert_eq!(code, Some(0), "{output}");
    assert!(output.ends_with("1 accepted by the policy\n"), "{output}");
}
