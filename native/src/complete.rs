//! Directories that a layer has files in without naming them. In the layer they are made up; what an
//! image's user must see is the directory of a layer below. A layer is shared by images, so its own
//! directories stay; the image gets one more layer on top, of nothing but these directories with what
//! they must look like.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    FileType, Gid, Mode, OFlags, Stat, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr,
    fsetxattr, fstat, futimens, mkdirat,
};
use rustix::io::Errno;

use crate::error::{Context, Result};
use crate::root::RootFd;
use crate::unpack::list;
use crate::unpack::{show, split, timestamps};

/// A layer of the image.
pub struct Layer {
    tree: RootFd,
    /// Made up here.
    implied: BTreeSet<Vec<u8>>,
    way: RefCell<Way>,
}

/// What was found on the way to the last path: the next one mostly shares it, in another layer to its
/// end, because the first directory is missing there. One way is enough, whatever the image holds.
#[derive(Default)]
struct Way {
    path: Vec<u8>,
    /// Where a part of the path ends, and what is there.
    found: Vec<(usize, Step)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Missing,
    /// A file or a mark.
    Other,
    Directory,
    /// Hides what is below it.
    Opaque,
}

impl Way {
    /// Keeps what is also on the way to `path`.
    fn turn(&mut self, path: &[u8]) {
        let shared = self.path.iter().zip(path).take_while(|(a, b)| a == b);
        let shared = shared.count();
        let stays = |end: usize| end <= shared && matches!(path.get(end), None | Some(b'/'));
        let kept = self.found.iter().take_while(|(end, _)| stays(*end)).count();
        self.found.truncate(kept);
        self.path = path.to_vec();
    }
}

impl Layer {
    /// `path` holds `tree`, and `list` where it has made up directories.
    pub fn open(path: &Path, list: Option<File>) -> Result<Self> {
        let mut implied = BTreeSet::new();
        if let Some(list) = list {
            list::read(list, |record| {
                if record.facts.kind == b'i' {
                    implied.insert(record.path);
                }
            })?;
        }
        Ok(Self {
            tree: RootFd::open_host(&path.join("tree"))?,
            implied,
            way: RefCell::default(),
        })
    }

    fn step(&self, path: &[u8]) -> Result<Step> {
        let Some((_, stat)) = self.at(path)? else {
            return Ok(Step::Missing);
        };
        if !FileType::from_raw_mode(stat.st_mode).is_dir() {
            return Ok(Step::Other);
        }
        match is_opaque(&self.open_directory(path)?) {
            true => Ok(Step::Opaque),
            false => Ok(Step::Directory),
        }
    }

    /// What the layer has at `path`; none: nothing.
    fn at(&self, path: &[u8]) -> Result<Option<(OwnedFd, Stat)>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        match self.tree.open_without_links(native(path), flags) {
            Ok(fd) => {
                let stat = fstat(&fd).at("look at file", show(path))?;
                Ok(Some((fd, stat)))
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(errno) => Err(errno).at("look at file", show(path)),
        }
    }

    fn open_directory(&self, path: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        self.tree
            .open_without_links(native(path), flags)
            .at("open directory", show(path))
    }
}

/// Makes in `tree` the directories that `layers` (topmost first) show wrongly; gives their number.
pub fn complete(tree: &RootFd, layers: &[Layer]) -> Result<u64> {
    let paths: BTreeSet<&Vec<u8>> = layers.iter().flat_map(|layer| &layer.implied).collect();
    let mut made = 0;
    for path in paths {
        match look(path, layers)? {
            Shown::Wrong(model) => {
                make(tree, path, model, layers)?;
                made += 1;
            }
            Shown::Right(_) | Shown::Hidden => {}
        }
    }
    Ok(made)
}

/// What an overlay of the layers shows at a path.
enum Shown<'a> {
    /// A directory as it should be.
    Right(&'a Layer),
    /// One that was made up; it should look as in this layer.
    Wrong(&'a Layer),
    /// No directory.
    Hidden,
}

fn look<'a>(path: &[u8], layers: &'a [Layer]) -> Result<Shown<'a>> {
    let mut first = None;
    for layer in layers {
        let (found, last) = visit(path, layer)?;
        if found == Found::Other {
            break;
        }
        if found == Found::Directory {
            match (first, layer.implied.contains(path)) {
                (None, false) => return Ok(Shown::Right(layer)),
                (Some(_), false) => return Ok(Shown::Wrong(layer)),
                (None, true) => first = Some(layer),
                (Some(_), true) => {}
            }
        }
        if last {
            break;
        }
    }
    Ok(first.map_or(Shown::Hidden, Shown::Right))
}

#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    Directory,
    /// A file or a mark, there or on the way.
    Other,
}

/// What one layer has at a path, and whether it hides what is below.
fn visit(path: &[u8], layer: &Layer) -> Result<(Found, bool)> {
    let mut way = layer.way.borrow_mut();
    way.turn(path);
    let (mut last, mut end) = (false, 0);
    for number in 0.. {
        if end >= path.len() {
            break;
        }
        let start = end + usize::from(end > 0);
        let rest = path.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'/');
        end = start + length.unwrap_or(rest.len());
        let step = match way.found.get(number) {
            Some((_, step)) => *step,
            None => {
                let step = layer.step(path.get(..end).unwrap_or_default())?;
                way.found.push((end, step));
                step
            }
        };
        match step {
            Step::Missing => return Ok((Found::Nothing, last)),
            Step::Other => return Ok((Found::Other, true)),
            Step::Opaque => last = true,
            Step::Directory => {}
        }
    }
    Ok((Found::Directory, last))
}

fn is_opaque(directory: &OwnedFd) -> bool {
    ["trusted.overlay.opaque", "user.overlay.opaque"]
        .iter()
        .any(|name| {
            let mut value = [0_u8; 1];
            fgetxattr(directory, *name, &mut value[..]).is_ok() && value == *b"y"
        })
}

/// Makes the directory and those above it, each as it is to be seen.
fn make(tree: &RootFd, path: &[u8], model: &Layer, layers: &[Layer]) -> Result<()> {
    let Some((parent, name)) = split(path) else {
        return Ok(());
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let above = match tree.open_without_links(native(parent), flags) {
        Ok(above) => above,
        Err(Errno::NOENT) => {
            if let Shown::Right(layer) | Shown::Wrong(layer) = look(parent, layers)? {
                make(tree, parent, layer, layers)?;
            }
            tree.open_without_links(native(parent), flags)
                .at("open directory", show(parent))?
        }
        Err(errno) => return Err(errno).at("open directory", show(parent)),
    };
    let before = fstat(&above).at("look at file", show(parent))?;
    mkdirat(&above, name, Mode::from_raw_mode(0o700)).at("make directory", show(path))?;
    let directory = tree
        .open_without_links(native(path), flags)
        .at("open directory", show(path))?;
    dress(&directory, &model.open_directory(path)?, path)?;
    futimens(&above, &timestamps(time(&before))).at("set time", show(parent))
}

fn dress(directory: &OwnedFd, model: &OwnedFd, path: &[u8]) -> Result<()> {
    let stat = fstat(model).at("look at file", show(path))?;
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    fchown(directory, Some(uid), Some(gid)).at("set owner", show(path))?;
    for (name, value) in attributes(model, path)? {
        fsetxattr(directory, name.as_slice(), &value, XattrFlags::empty())
            .at("set attribute", show(path))?;
    }
    fchmod(directory, Mode::from_raw_mode(stat.st_mode & 0o7777)).at("set mode", show(path))?;
    futimens(directory, &timestamps(time(&stat))).at("set time", show(path))
}

/// All but overlayfs's own.
fn attributes(fd: &OwnedFd, path: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names = vec![0; 64 << 10];
    let length = flistxattr(fd, &mut names).at("list attributes", show(path))?;
    let mut found = Vec::new();
    for name in names
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        let own = name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.");
        if name.is_empty() || own || name == b"security.selinux" {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        let length = fgetxattr(fd, name, &mut value).at("read attribute", show(path))?;
        value.truncate(length);
        found.push((name.to_vec(), value));
    }
    Ok(found)
}

fn time(stat: &Stat) -> (i64, u32) {
    (
        stat.st_mtime,
        u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    )
}

fn native(path: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path))
}
