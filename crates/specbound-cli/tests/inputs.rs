//! Where documents come from: git revisions, folders and patterns, URLs, the merge base; and which
//! part of them is compared.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) -> &Folder {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn git(&self, arguments: &[&str]) -> &Folder {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(self.path());
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self
    }

    fn commit(&self) -> &Folder {
        self.git(&["add", "-A"]).git(&["commit", "-qm", "change"])
    }

    fn repository() -> Folder {
        let folder = Folder::new();
        folder.git(&["init", "-q", "-b", "main"]);
        folder
    }

    fn specbound(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.specbound_in("", arguments)
    }

    fn specbound_in(&self, folder: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_specbound"));
        command.args(arguments).current_dir(self.path().join(folder));
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

const API: &str = "\
openapi: 3.0.3
info: {title: Pets, version: 1.0.0}
paths:
  /pets:
    post:
      operationId: addPet
      tags: [pets]
      requestBody: {content: {application/json: {schema: {$ref: 'types/pet.yaml'}}}}
      responses: {'204': {description: ''}}
";
const PET: &str = "type: object\nproperties: {name: {type: string, maxLength: 9}}\n";

/// One operation of an API of its own.
fn part(path: &str, limit: u32) -> String {
    format!(
        "openapi: 3.0.3\ninfo: {{title: Part, version: '1'}}\npaths:\n  {path}:\n    post:\n      \
         tags: [{tag}]\n      requestBody: {{content: {{a/b: {{schema: {{$ref: \
         '#/components/schemas/Body'}}}}}}}}\n      responses: {{}}\ncomponents: {{schemas: {{\
         Body: {{type: string, maxLength: {limit}}}}}}}\n",
        tag = path.rsplit('/').next().unwrap()
    )
}

#[test]
fn git_revision_is_read_with_its_referenced_files() {
    let folder = Folder::repository();
    folder.write("api/openapi.yaml", API).write("api/types/pet.yaml", PET).commit();
    folder.write("api/types/pet.yaml", &PET.replace('9', "5"));
    let (code, report, error) =
        folder.specbound(&["breaking", "main:api/openapi.yaml", "api/openapi.yaml"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(report.contains("api/types/pet.yaml:2:"), "{report}");
    assert!(report.contains("before main:api/types/pet.yaml:2:"), "{report}");
    let both = ["breaking", "main:api/openapi.yaml", "HEAD:api/openapi.yaml"];
    assert_eq!(folder.specbound(&both).0, Some(0));
    // As for git, `./` starts at the current folder.
    let here = ["breaking", "main:./openapi.yaml", "openapi.yaml"];
    assert_eq!(folder.specbound_in("api", &here).0, Some(1));
}

#[test]
fn missing_revision_or_file_is_unusable_input() {
    let folder = Folder::repository();
    folder.write("openapi.yaml", API).write("types/pet.yaml", PET).commit();
    for old in ["gone:openapi.yaml", "main:gone.yaml", "--output=x:openapi.yaml"] {
        let (code, report, error) = folder.specbound(&["breaking", "--", old, "openapi.yaml"]);
        assert_eq!((code, report.as_str()), (Some(2), ""), "{old}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let outside = API.replace("types/pet.yaml", "../../../etc/passwd");
    folder.write("openapi.yaml", &outside).commit();
    let both = ["diff", "HEAD:openapi.yaml", "HEAD:openapi.yaml", "--allow-outside"];
    let (code, _, error) = folder.specbound(&both);
    assert_eq!(code, Some(2));
    assert!(error.contains("outside of the repository"), "{error}");
}

#[test]
fn without_documents_the_merge_base_is_compared() {
    let folder = Folder::repository();
    folder.write("openapi.yaml", API).write("types/pet.yaml", PET);
    folder.write("specbound.toml", "").commit();
    folder.git(&["checkout", "-qb", "work"]);
    folder.write("types/pet.yaml", &PET.replace('9', "5")).commit();
    // What main does later is no change of this branch.
    folder.git(&["checkout", "-q", "main"]);
    folder.write("openapi.yaml", &API.replace("/pets", "/animals")).commit();
    folder.git(&["checkout", "-q", "work"]);
    for arguments in [&[][..], &["breaking"], &["breaking", "--base", "main"]] {
        let (code, report, error) = folder.specbound(arguments);
        assert_eq!(code, Some(1), "{error}");
        assert!(report.ends_with("1 change: 1 breaking, 0 unclear, 0 compatible\n"), "{report}");
        // The policy is found from a folder below as well.
        assert_eq!(folder.specbound_in("types", arguments).0, Some(1));
    }
    folder.write("specbound.toml", "document = 'gone.yaml'\nbase = 'main'\n");
    assert_eq!(folder.specbound(&[]).0, Some(2));
    folder.write("specbound.toml", "document = 'openapi.yaml'\nbase = 'gone'\n");
    assert_eq!(folder.specbound(&[]).0, Some(2));
}

#[test]
fn document_missing_from_the_merge_base_is_new() {
    let folder = Folder::repository();
    folder.write("specbound.toml", "document = 'openapi.yaml'\n").commit();
    folder.write("openapi.yaml", API).write("types/pet.yaml", PET);
    let (code, report, notes) = folder.specbound(&[]);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("`/pets` is new, with `POST`"), "{report}");
    assert_eq!(notes, "specbound: note: openapi.yaml is not in main yet: all of it is new\n");
}

#[test]
fn folder_or_glob_of_documents_is_one_api() {
    let folder = Folder::repository();
    folder.write("apis/pets.yaml", &part("/pets", 9));
    folder.write("apis/people.yaml", &part("/people", 20));
    folder.write("apis/types/note.yaml", "type: string\n").commit();
    folder.write("apis/people.yaml", &part("/people", 10));
    for (old, new) in [
        ("main:apis", "apis"),
        ("main:apis/", "apis/"),
        ("main:apis/*.yaml", "apis/*.yaml"),
        ("main:**/p*.yaml", "./apis/p*.yaml"),
    ] {
        let (code, report, error) = folder.specbound(&["breaking", old, new]);
        assert_eq!(code, Some(1), "{error}");
        assert!(report.contains("POST /people"), "{report}");
        assert!(report.contains("1 change: 1 breaking"), "{report}");
        assert!(report.contains("apis/people.yaml:9:"), "{report}");
    }
    let (code, _, error) = folder.specbound(&["breaking", "apis/types", "apis"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no OpenAPI 3 document found"), "{error}");
    folder.write("apis/broken.yaml", "a: [");
    assert_eq!(folder.specbound(&["breaking", "apis", "apis"]).0, Some(2));
    folder.write("apis/broken.yaml", &part("/people", 3));
    let (code, _, error) = folder.specbound(&["breaking", "apis", "apis"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("both describe `POST /people`"), "{error}");
}

#[test]
fn filters_select_by_path_tag_and_operation_and_prefixes_are_stripped() {
    let folder = Folder::new();
    let api = |prefix: &str, limit| {
        let more = "people: {get: {operationId: list, tags: [people], responses: {}}}";
        part(&format!("{prefix}/pets"), limit)
            .replace("paths:\n", &format!("paths:\n  {prefix}/{more}\n"))
    };
    folder.write("old.yaml", &api("/v1", 9)).write("new.yaml", &api("/v2", 5));
    let both =
        ["breaking", "old.yaml", "new.yaml", "--strip-prefix", "/v1", "--strip-prefix", "/v2"];
    let code = |filter: &[&str]| folder.specbound(&[&both[..], filter].concat()).0;
    assert_eq!(code(&[]), Some(1));
    assert_eq!(code(&["--path", "/pets"]), Some(1));
    assert_eq!(code(&["--path", "/people"]), Some(0));
    assert_eq!(code(&["--tag", "people"]), Some(0));
    assert_eq!(code(&["--tag", "people", "--tag", "pets"]), Some(1));
    assert_eq!(code(&["--operation", "list"]), Some(0));
    assert_eq!(code(&["--operation", "POST *"]), Some(1));
    let (_, report, _) = folder.specbound(&both);
    assert!(report.contains("POST /pets") && report.contains("1 change:"), "{report}");
}

#[test]
fn command_line_filters_replace_those_of_the_policy() {
    let folder = Folder::new();
    folder.write("old.yaml", &part("/v1/pets", 9)).write("new.yaml", &part("/v2/pets", 5));
    let select = |lists: &str| {
        folder.write("specbound.toml", &format!("[select]\n{lists}\n"));
    };
    let code = |more: &[&str]| {
        folder.specbound(&[&["breaking", "old.yaml", "new.yaml"][..], more].concat()).0
    };
    select("strip_prefixes = [\"/v1\", \"/v2\"]\npaths = [\"/people\"]");
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--path", "/pets"]), Some(1));
    select("strip_prefixes = [\"/v1\", \"/v2\"]\ntags = [\"people\"]\noperations = [\"GET *\"]");
    assert_eq!(code(&[]), Some(0));
    select("path = [\"/pets\"]");
    assert_eq!(code(&[]), Some(2), "an unknown key");
}

/// Responds to requests for the files of a map, from a thread that ends with the test's process.
fn serve(files: &'static [(&str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 2048];
            let read = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let found = files.iter().find(|(name, _)| *name == path);
            let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
        }
    });
    format!("http://{address}")
}

#[test]
fn urls_are_fetched_only_if_allowed() {
    let server = serve(&[
        ("/api/openapi.yaml", API),
        ("/api/types/pet.yaml", PET),
        ("/local.yaml", "openapi: 3.0.3\npaths: {/a: {$ref: 'file:///etc/passwd'}}"),
        ("/absolute.yaml", "openapi: 3.0.3\npaths: {/a: {$ref: '/etc/passwd'}}"),
    ]);
    let folder = Folder::new();
    folder.write("openapi.yaml", API).write("types/pet.yaml", &PET.replace('9', "5"));
    let url = format!("{server}/api/openapi.yaml");
    let (code, _, error) = folder.specbound(&["breaking", &url, "openapi.yaml"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--fetch"), "{error}");
    let (code, report, error) = folder.specbound(&["breaking", &url, "openapi.yaml", "--fetch"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(report.contains(&format!("before {server}/api/types/pet.yaml:2:")), "{report}");

    // A local document that refers to a URL.
    folder
        .write("far.yaml", &API.replace("types/pet.yaml", &format!("{server}/api/types/pet.yaml")));
    assert_eq!(folder.specbound(&["breaking", "far.yaml", "openapi.yaml"]).0, Some(2));
    assert_eq!(folder.specbound(&["breaking", "far.yaml", "openapi.yaml", "--fetch"]).0, Some(1));

    // A document on a server does not read files of this machine.
    for name in ["local.yaml", "absolute.yaml", "gone.yaml"] {
        let url = format!("{server}/{name}");
        let both = ["diff", &url, &url, "--fetch", "--allow-outside"];
        let (code, _, error) = folder.specbound(&both);
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        assert!(!error.contains("root:"), "{error}");
    }
}
