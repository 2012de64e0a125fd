//! Through several trees at once, in the order of names.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, major, minor, openat, openat2,
    readlinkat, statat,
};
use rustix::io::Errno;

use super::header::{self, Entry};
use super::{Options, Style, marks};
use crate::error::{Context, Error, Result};
use crate::unpack::show;

const STEP: &str = "pack";
const WRITE: &str = "write archive";

pub fn walk(trees: Vec<OwnedFd>, out: &mut dyn Write, options: Options) -> Result<()> {
    let mut walk = Walk {
        out,
        options,
        links: HashMap::new(),
        buffer: vec![0; 256 << 10],
    };
    if let (Style::Tree, Some(top)) = (options.style, trees.first()) {
        let stat = fstat(top).at(STEP, "root")?;
        walk.plain(top, b".", b"./", &stat)?;
    }
    walk.directory(&trees, b"")
}

struct Walk<'a> {
    out: &'a mut dyn Write,
    options: Options,
    /// Where the first name of a file with several stands in the archive.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
}

impl Walk<'_> {
    /// Everything below a directory that these trees have in common, topmost first. `path` ends in a
    /// slash or is empty.
    fn directory(&mut self, dirs: &[OwnedFd], path: &[u8]) -> Result<()> {
        let mut names = BTreeSet::new();
        for dir in dirs {
            for entry in Dir::read_from(dir).at(STEP, show(path))? {
                let entry = entry.at(STEP, show(path))?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    names.insert(name.to_vec());
                }
            }
        }
        for name in names {
            self.entry(dirs, path, &name)?;
        }
        Ok(())
    }

    fn entry(&mut self, dirs: &[OwnedFd], parent: &[u8], name: &[u8]) -> Result<()> {
        let path = [parent, name].concat();
        let mut below: Vec<OwnedFd> = Vec::new();
        let mut top: Option<(&OwnedFd, Stat)> = None;
        let mut opaque = false;
        for dir in dirs {
            let stat = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(Error::os(STEP, show(&path), errno)),
            };
            let is_whiteout = marks::is_whiteout(dir, name, &stat).at(STEP, show(&path))?;
            if is_whiteout && top.is_none() {
                return self.whiteout(parent, name);
            }
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if !is_dir && !is_whiteout && top.is_none() {
                return self.leaf(dir, name, &path, &stat);
            }
            if !is_dir || is_whiteout {
                break;
            }
            let opened = open(dir, name, OFlags::DIRECTORY).at(STEP, show(&path))?;
            opaque = marks::is_opaque(&opened).at(STEP, show(&path))?;
            below.push(opened);
            top.get_or_insert((dir, stat));
            if opaque {
                break;
            }
        }
        let Some((dir, stat)) = top else {
            return Ok(());
        };
        let path = [&path[..], b"/"].concat();
        self.plain(dir, name, &path, &stat)?;
        if opaque && self.options.style == Style::Layer {
            self.whiteout(&path, b".wh..opq")?;
        }
        self.directory(&below, &path)
    }

    fn whiteout(&mut self, parent: &[u8], name: &[u8]) -> Result<()> {
        if self.options.style == Style::Tree {
            return Ok(());
        }
        let path = [parent, b".wh.", name].concat();
        let entry = Entry {
            path: &path,
            kind: b'0',
            ..Entry::default()
        };
        header::write(self.out, &entry).at(WRITE, show(&path))
    }

    /// Anything but a directory.
    fn leaf(&mut self, dir: &OwnedFd, name: &[u8], path: &[u8], stat: &Stat) -> Result<()> {
        // An archive cannot hold sockets; whoever listens makes them anew.
        if FileType::from_raw_mode(stat.st_mode) == FileType::Socket {
            return Ok(());
        }
        if stat.st_nlink > 1 {
            let first = self.links.get(&(stat.st_dev, stat.st_ino)).cloned();
            if let Some(first) = first {
                let entry = Entry {
                    link: &first,
                    kind: b'1',
                    size: 0,
                    ..self.entry_of(path, stat)
                };
                return header::write(self.out, &entry).at(WRITE, show(path));
            }
            self.links.insert((stat.st_dev, stat.st_ino), path.to_vec());
        }
        self.plain(dir, name, path, stat)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            self.data(dir, name, path, stat.st_size.cast_unsigned())?;
        }
        Ok(())
    }

    /// The header of an entry that is no link to another.
    fn plain(&mut self, dir: &OwnedFd, name: &[u8], path: &[u8], stat: &Stat) -> Result<()> {
        let attributes = marks::attributes(dir, name).at(STEP, show(path))?;
        let link = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => readlinkat(dir, name, Vec::new())
                .at(STEP, show(path))?
                .into_bytes(),
            _ => Vec::new(),
        };
        let entry = Entry {
            link: &link,
            attributes: &attributes,
            ..self.entry_of(path, stat)
        };
        header::write(self.out, &entry).at(WRITE, show(path))
    }

    fn entry_of<'b>(&self, path: &'b [u8], stat: &Stat) -> Entry<'b> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => b'5',
            FileType::Symlink => b'2',
            FileType::CharacterDevice => b'3',
            FileType::BlockDevice => b'4',
            FileType::Fifo => b'6',
            _ => b'0',
        };
        Entry {
            path,
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: if kind == b'0' {
                stat.st_size.cast_unsigned()
            } else {
                0
            },
            mtime: self
                .options
                .epoch
                .map_or(stat.st_mtime, |epoch| stat.st_mtime.min(epoch)),
            device: if matches!(kind, b'3' | b'4') {
                (major(stat.st_rdev), minor(stat.st_rdev))
            } else {
                (0, 0)
            },
            ..Entry::default()
        }
    }

    fn data(&mut self, dir: &OwnedFd, name: &[u8], path: &[u8], size: u64) -> Result<()> {
        let file = open(dir, name, OFlags::empty()).at(STEP, show(path))?;
        let mut rest = size;
        while rest > 0 {
            let most = usize::try_from(rest)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            let length = rustix::io::read(&file, &mut self.buffer[..most]).at(STEP, show(path))?;
            if length == 0 {
                return Err(Error::new(
                    STEP,
                    show(path),
                    "it became shorter while it was read",
                ));
            }
            self.out
                .write_all(&self.buffer[..length])
                .at(WRITE, show(path))?;
            rest -= length as u64;
        }
        header::pad(self.out, size).at(WRITE, show(path))
    }
}

/// An entry of the same tree; a file that nobody may read is read where the caller's rights allow it.
fn open(dir: &OwnedFd, name: &[u8], more: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match openat2(dir, name, flags, Mode::empty(), resolve) {
        // Somebody renames beside it: without `..` in the name the plain call is as safe.
        Err(Errno::AGAIN) => openat(dir, name, flags, Mode::empty()),
        opened => opened,
    }
}
