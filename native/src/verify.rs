//! Is an unpacked tree still what its list says? Nothing is changed, no link is followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Dir, FileType, OFlags, Stat, fgetxattr, fstat, readlinkat};
use rustix::io::Errno;
use serde::Serialize;

use crate::error::Result;
use crate::root::RootFd;
use crate::unpack::list::{self, Facts, Record};
use crate::unpack::show;

/// Most problems that are named.
const MAX_PROBLEMS: usize = 100;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Kinds, sizes, modes, owners and times.
    Facts,
    /// Also what is in the files.
    Content,
}

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub entries: u64,
    /// Of the files' content.
    pub bytes: u64,
    pub problems: Vec<Problem>,
    /// How many there are, also where not all are named.
    pub count: u64,
}

#[derive(Debug, Serialize)]
pub struct Problem {
    pub path: String,
    pub problem: String,
}

/// Compares the tree with the list.
pub fn verify(tree: &RootFd, list: File, depth: Depth) -> Result<Report> {
    let expected = Expected::read(list)?;
    let mut report = Report::default();
    for (path, facts) in &expected.paths {
        report.entries += 1;
        if let Err(problem) = check(tree, &expected, (path, facts), depth) {
            report.add(path, problem);
        } else if facts.kind == b'f' {
            report.bytes += facts.size;
        }
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, path: &[u8], problem: String) {
        self.count += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                path: show(path),
                problem,
            });
        }
    }
}

/// What must be there in the end: later records of a list replace earlier ones.
#[derive(Default)]
struct Expected {
    paths: BTreeMap<Vec<u8>, Facts>,
    opaque: BTreeSet<Vec<u8>>,
}

impl Expected {
    fn read(list: File) -> Result<Self> {
        let mut expected = Self::default();
        list::read(list, |record| expected.apply(record))?;
        Ok(expected)
    }

    fn apply(
        &mut self,
        Record {
            facts,
            path,
            target,
        }: Record,
    ) {
        let facts = match facts.kind {
            b'o' => {
                self.opaque.insert(path);
                return;
            }
            // The same file under another name, whatever becomes of the first name.
            b'h' => self.paths.get(&target).copied().unwrap_or(facts),
            _ => facts,
        };
        let before = self.paths.insert(path.clone(), facts);
        if before.is_some_and(|before| is_directory(&before)) && !is_directory(&facts) {
            let below = [path.as_slice(), b"/"].concat();
            self.paths.retain(|path, _| !path.starts_with(&below));
        }
    }
}

const fn is_directory(facts: &Facts) -> bool {
    matches!(facts.kind, b'd' | b'i')
}

type Checked = std::result::Result<(), String>;

fn check(
    tree: &RootFd,
    expected: &Expected,
    (path, facts): (&[u8], &Facts),
    depth: Depth,
) -> Checked {
    let open = |flags| {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        tree.open_without_links(path, flags | OFlags::NOFOLLOW)
            .map_err(unreachable)
    };
    match facts.kind {
        b'f' if depth == Depth::Content => {
            let file = match open(OFlags::RDONLY | OFlags::NONBLOCK) {
                Ok(file) => file,
                Err(problem) => {
                    // Whatever else is there is told by its kind.
                    same(facts, &stat(&open(OFlags::PATH)?)?, FileType::RegularFile)?;
                    return Err(problem);
                }
            };
            same(facts, &stat(&file)?, FileType::RegularFile)?;
            facts.crc.map_or(Ok(()), |crc| content(file, crc))
        }
        b'f' => same(facts, &stat(&open(OFlags::PATH)?)?, FileType::RegularFile),
        b'd' | b'i' => {
            let handle = open(OFlags::PATH)?;
            let found = stat(&handle)?;
            match facts.kind {
                b'd' => same(facts, &found, FileType::Directory)?,
                _ => kind(&found, FileType::Directory)?,
            }
            directory(open(OFlags::RDONLY | OFlags::DIRECTORY)?, expected, path)
        }
        b'l' => {
            let link = open(OFlags::PATH)?;
            same(facts, &stat(&link)?, FileType::Symlink)?;
            let target = readlinkat(&link, c"", Vec::new()).map_err(unreachable)?;
            match facts.crc == Some(crc32fast::hash(target.as_bytes())) {
                true => Ok(()),
                false => Err("it leads to another target".into()),
            }
        }
        b'w' => whiteout(&open(OFlags::PATH)?, || open(OFlags::RDONLY)),
        b'n' => {
            let found = stat(&open(OFlags::PATH)?)?;
            match found.st_rdev == facts.size && !FileType::from_raw_mode(found.st_mode).is_file() {
                true => owner(facts, &found),
                false => Err("it is another device".into()),
            }
        }
        other => Err(format!(
            "its record has the unknown kind `{}`",
            char::from(other)
        )),
    }
}

fn unreachable(errno: Errno) -> String {
    match errno {
        Errno::NOENT | Errno::NOTDIR => "it is missing".into(),
        errno => format!("it cannot be opened: {}", std::io::Error::from(errno)),
    }
}

fn stat(fd: &OwnedFd) -> std::result::Result<Stat, String> {
    fstat(fd).map_err(unreachable)
}

fn same(facts: &Facts, found: &Stat, wanted: FileType) -> Checked {
    kind(found, wanted)?;
    let size = u64::try_from(found.st_size).unwrap_or(0);
    if wanted != FileType::Directory && size != facts.size {
        return Err(format!("it has {size} bytes, not {}", facts.size));
    }
    owner(facts, found)?;
    let mode = found.st_mode & 0o7777;
    if wanted != FileType::Symlink && mode != facts.mode {
        return Err(format!("its mode is {mode:o}, not {:o}", facts.mode));
    }
    // Beyond these every file system has limits of its own.
    if (0..=i64::from(i32::MAX)).contains(&facts.mtime.0) && found.st_mtime != facts.mtime.0 {
        return Err("its time of change is another".into());
    }
    Ok(())
}

fn kind(found: &Stat, wanted: FileType) -> Checked {
    match FileType::from_raw_mode(found.st_mode) == wanted {
        true => Ok(()),
        false => Err(format!("it is no longer a {}", name(wanted))),
    }
}

const fn name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        _ => "link",
    }
}

fn owner(facts: &Facts, found: &Stat) -> Checked {
    match (found.st_uid, found.st_gid) == (facts.uid, facts.gid) {
        true => Ok(()),
        false => Err(format!(
            "it belongs to {}:{}, not {}:{}",
            found.st_uid, found.st_gid, facts.uid, facts.gid
        )),
    }
}

fn content(file: OwnedFd, wanted: u32) -> Checked {
    let mut file = File::from(file);
    let mut hash = crc32fast::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("it cannot be read: {error}")),
        }
    }
    match hash.finalize() == wanted {
        true => Ok(()),
        false => Err("its content has changed".into()),
    }
}

/// Its mark, and that nothing is in it that the list does not have.
fn directory(directory: OwnedFd, expected: &Expected, path: &[u8]) -> Checked {
    if expected.opaque.contains(path) && !marked(&directory, "opaque") {
        return Err("it lacks the mark that hides what is below".into());
    }
    for entry in Dir::new(directory).map_err(unreachable)? {
        let entry = entry.map_err(unreachable)?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
        if !expected.paths.contains_key(&[path, slash, name].concat()) {
            return Err(format!("{} in it is not part of the layer", show(name)));
        }
    }
    Ok(())
}

fn whiteout(handle: &OwnedFd, open: impl Fn() -> std::result::Result<OwnedFd, String>) -> Checked {
    let found = stat(handle)?;
    let device = FileType::from_raw_mode(found.st_mode).is_char_device() && found.st_rdev == 0;
    match device
        || (FileType::from_raw_mode(found.st_mode).is_file() && marked(&open()?, "whiteout"))
    {
        true => Ok(()),
        false => Err("it is no longer the mark of a removed file".into()),
    }
}

fn marked(fd: &OwnedFd, mark: &str) -> bool {
    ["trusted", "user"].iter().any(|class| {
        let name = format!("{class}.overlay.{mark}");
        fgetxattr(fd, name, &mut [0_u8; 1][..]).is_ok()
    })
}
