//! Documents in revisions of a git repository, by the command `git`. Nothing is checked out.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use specbound_contract::FileReader;

/// One revision of the repository around the current folder.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The hash of the commit.
    commit: String,
    /// The current folder below the top of the repository.
    prefix: PathBuf,
}

/// Runs git and returns its first line, without the line break.
fn git(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("git").args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("git: {}", message.trim().replace('\n', " "))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// The top of the repository around the current folder.
pub fn toplevel() -> io::Result<PathBuf> {
    git(&["rev-parse", "--show-toplevel"]).map(PathBuf::from)
}

/// The commit where the current one and a branch parted.
pub fn merge_base(branch: &str) -> io::Result<String> {
    let commit =
        git(&["rev-parse", "--verify", "--end-of-options", &format!("{branch}^{{commit}}")])?;
    git(&["merge-base", "HEAD", &commit])
}

/// The branch that others start from: that of the remote `origin`, or a local one.
pub fn main_branch() -> io::Result<String> {
    let candidates = ["origin/HEAD", "origin/main", "origin/master", "main", "master"];
    let exists = |name: &&str| {
        git(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).is_ok()
    };
    let found = candidates.into_iter().find(exists).map(str::to_owned);
    found.ok_or_else(|| io::Error::other("there is no branch main or master: name one by --base"))
}

impl Revision {
    /// Finds a revision by any of git's names for it.
    pub fn find(name: &str) -> io::Result<Revision> {
        let commit =
            git(&["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{commit}}")])?;
        let prefix = git(&["rev-parse", "--show-prefix"])?.into();
        Ok(Revision { commit, prefix })
    }

    /// The path below the top of the repository. As for git, `./` and `../` start at the current
    /// folder.
    pub fn path(&self, path: &str) -> PathBuf {
        match path.starts_with("./") || path.starts_with("../") {
            true => self.prefix.join(path),
            false => path.into(),
        }
    }

    /// All files below a folder.
    pub fn files(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let folder = normalize(folder)?;
        let mut command = Command::new("git");
        // From the top: the paths of `ls-tree` are relative to the current folder otherwise.
        command.args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", &self.commit]);
        let output = command.stdin(Stdio::null()).output()?;
        let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let paths = names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()));
        Ok(paths.filter(|path| path.starts_with(&folder)).collect())
    }

    /// What git has at a path: `blob` for a file, `tree` for a folder.
    fn kind(&self, path: &Path) -> io::Result<String> {
        git(&["cat-file", "-t", &self.object(path)])
    }

    /// Whether a path is a folder.
    pub fn is_folder(&self, path: &Path) -> bool {
        normalize(path).and_then(|path| self.kind(&path)).is_ok_and(|kind| kind == "tree")
    }

    fn object(&self, path: &Path) -> String {
        format!("{}:{}", self.commit, path.display())
    }
}

/// A path without `.` and `..`, below the top of the repository.
fn normalize(path: &Path) -> io::Result<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => normal.push(name),
            Component::ParentDir if normal.pop() => {}
            _ => return Err(io::Error::other("it is outside of the repository")),
        }
    }
    Ok(normal)
}

impl FileReader for Revision {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = normalize(path)?;
        match self.kind(&path) {
            Ok(kind) if kind == "blob" => Ok(path),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file in this revision")),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let mut command = Command::new("git");
        command.args(["cat-file", "blob", &self.object(path)]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("git has no output"))?;
        Ok(Box::new(ProcessOutput { child, output }))
    }
}

/// The output of a process, which ends with it.
struct ProcessOutput {
    child: Child,
    output: ChildStdout,
}

impl Read for ProcessOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Drop for ProcessOutput {
    fn drop(&mut self) {
        // A reader may stop early, at the largest size.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
