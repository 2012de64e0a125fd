//! Places entries below the root: each by the descriptor of its directory and a single name that
//! no link is followed for. A later entry replaces an earlier one and never writes through it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, chownat, fchmod, fchown, fremovexattr, futimens,
    linkat, makedev, mknodat, openat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use serde::Serialize;

use crate::error::{Context, Error, Result};
use crate::remove;
use crate::unpack::dirs::{Attributes, Dir, Dirs, magic_path, timestamps};
use crate::unpack::entry::{Entries, Entry, Kind};
use crate::unpack::file;
use crate::unpack::list::{Facts, List};
use crate::unpack::name::{Name, show};
use crate::unpack::owner::{Given, Owner};
use crate::unpack::whiteout::{Marker, Whiteouts};
use crate::unpack::xattr;

/// Most skipped things that are named; bounds memory and output.
const MAX_SKIPPED: usize = 10_000;
/// What a directory hands down to its children.
const ACCESS_LIST: &str = "system.posix_acl_default";

/// Something that could not be made here and that the tree was left without.
#[derive(Debug, Clone, Serialize)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

pub struct Tree {
    dirs: Dirs,
    owner: Owner,
    /// Of a layer; none: names have no second meaning.
    whiteouts: Option<Whiteouts>,
    list: Option<List>,
    /// What new files belong to by themselves.
    own: (u32, u32),
    /// A directory gives its children access lists: their modes are not what they are made with.
    inherited: bool,
    skipped: Vec<Skipped>,
}

/// What became of the entries.
pub struct Finished {
    pub skipped: Vec<Skipped>,
    /// Nothing of the layers below is to be seen.
    pub opaque: bool,
    /// Directories that have no entry and stand only on the way to one.
    pub implied: usize,
}

/// What the list says of an entry that was made.
struct Made {
    size: u64,
    crc: Option<u32>,
}

/// Where an entry goes: its directory and its name there.
struct Place<'a> {
    dir: &'a Dir,
    name: &'a [u8],
}

impl Tree {
    pub fn new(
        root: OwnedFd,
        owner: Owner,
        (whiteouts, list): (Option<Whiteouts>, Option<List>),
    ) -> Result<Self> {
        let own = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        // What the directory around it hands down; that there is none is fine.
        let _ = fremovexattr(&root, ACCESS_LIST);
        Ok(Self {
            dirs: Dirs::new(root)?,
            owner,
            whiteouts,
            list,
            own,
            inherited: false,
            skipped: Vec::new(),
        })
    }

    /// Places `entry`; a file's data come from `entries`.
    pub fn place(&mut self, entry: &Entry, entries: &mut Entries) -> Result<()> {
        if let Some(whiteouts) = &mut self.whiteouts
            && whiteouts
                .take(entry.name.bytes())
                .map_err(|problem| entry.error(problem))?
        {
            return Ok(());
        }
        let given = self.owner.of(entry.uid, entry.gid).map_err(|problem| {
            entry
                .error(problem)
                .hint("map more ids (/etc/subuid and /etc/subgid), or give --squash")
        })?;
        let Some(made) = self.make(entry, &given, entries)? else {
            return Ok(());
        };
        let Some(list) = &mut self.list else {
            return Ok(());
        };
        let (uid, gid) = given.change.unwrap_or(self.own);
        let facts = Facts {
            kind: kind(&entry.kind),
            mode: entry.mode & given.mode,
            uid,
            gid,
            mtime: entry.mtime,
            size: made.size,
            crc: made.crc,
        };
        let target = match &entry.kind {
            Kind::Hardlink(target) => target.bytes(),
            _ => b"",
        };
        list.add(&facts, entry.name.bytes(), target)
    }

    /// None: it was skipped.
    fn make(
        &mut self,
        entry: &Entry,
        given: &Given,
        entries: &mut Entries,
    ) -> Result<Option<Made>> {
        const NOTHING: Made = Made { size: 0, crc: None };
        if let Kind::Directory = entry.kind {
            return self.directory(entry, given).map(|()| Some(NOTHING));
        }
        let Some((parent, name)) = entry.name.split() else {
            return Err(entry.error("the root of the tree can only be a directory"));
        };
        let dir = self
            .dirs
            .reach(parent)
            .map_err(|error| of_entry(entry, error))?;
        let place = Place { dir: &dir, name };
        match &entry.kind {
            Kind::Directory => Ok(None),
            Kind::File { .. } => self.file(entry, given, &place, entries).map(Some),
            Kind::Symlink(target) => {
                self.put(
                    entry,
                    || symlinkat(target.as_slice(), &dir.fd, name),
                    &place,
                )
                .at("make link", entry.subject())?;
                self.attributes(entry, given, &place)?;
                Ok(Some(Made {
                    size: target.len() as u64,
                    crc: Some(crc32fast::hash(target)),
                }))
            }
            Kind::Hardlink(target) => {
                let made = self.hardlink(entry, &place, target)?;
                Ok(made.then_some(NOTHING))
            }
            Kind::Fifo => self.node(entry, given, &place, (FileType::Fifo, 0)),
            Kind::Device {
                block: true,
                major,
                minor,
            } => self.node(
                entry,
                given,
                &place,
                (FileType::BlockDevice, makedev(*major, *minor)),
            ),
            Kind::Device {
                block: false,
                major,
                minor,
            } => self.node(
                entry,
                given,
                &place,
                (FileType::CharacterDevice, makedev(*major, *minor)),
            ),
        }
    }

    /// Makes a layer's marks, sets the modes and times of directories, ends the list.
    pub fn finish(mut self, marker: Marker) -> Result<Finished> {
        let mut marks = Vec::new();
        let opaque = match &self.whiteouts {
            Some(whiteouts) => whiteouts.apply(&mut self.dirs, marker, &mut marks)?,
            None => false,
        };
        let implied = self.dirs.implied();
        if let Some(mut list) = self.list.take() {
            let paths = implied.iter().map(|path| (b'i', path));
            for (kind, path) in paths.chain(marks.iter().map(|(kind, path)| (*kind, path))) {
                let facts = Facts {
                    kind,
                    ..Facts::default()
                };
                list.add(&facts, path, b"")?;
            }
            list.end()?;
        }
        let implied = implied.len();
        self.dirs.close()?;
        Ok(Finished {
            skipped: self.skipped,
            opaque,
            implied,
        })
    }

    fn directory(&mut self, entry: &Entry, given: &Given) -> Result<()> {
        let dir = self
            .dirs
            .make(entry.name.bytes())
            .map_err(|error| of_entry(entry, error))?;
        if let Some((uid, gid)) = given.change {
            fchown(&dir.fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .at("set owner", entry.subject())?;
        }
        self.xattrs(entry, &xattr::Target::Open(&dir.fd))?;
        dir.finally(Attributes {
            mode: entry.mode & given.mode,
            mtime: Some(entry.mtime),
        });
        Ok(())
    }

    /// Made with its final mode where that is possible: two system calls a file less.
    fn file(
        &mut self,
        entry: &Entry,
        given: &Given,
        place: &Place,
        entries: &mut Entries,
    ) -> Result<Made> {
        let Kind::File { stored, sparse } = &entry.kind else {
            return Err(entry.error("it is no file"));
        };
        let mode = entry.mode & given.mode;
        // Setting an attribute may need the right to write; a change of owner takes bits away.
        let direct = entry.xattrs.is_empty() && mode & 0o7000 == 0 && !self.inherited;
        let first = if direct { mode } else { 0o600 };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || openat(&place.dir.fd, place.name, flags, Mode::from_raw_mode(first));
        let fd = self
            .put(entry, create, place)
            .at("make file", entry.subject())?;
        let made = file::write(&fd, entry, entries, (*stored, sparse.as_ref()))?;
        // The owner first: a change of it takes setuid bits and capabilities away.
        if let Some((uid, gid)) = given.change.filter(|owner| *owner != self.own) {
            fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .at("set owner", entry.subject())?;
        }
        self.xattrs(entry, &xattr::Target::Open(&fd))?;
        if !direct {
            fchmod(&fd, Mode::from_raw_mode(mode)).at("set mode", entry.subject())?;
        }
        futimens(&fd, &timestamps(entry.mtime)).at("set time", entry.subject())?;
        let (size, crc) = made;
        Ok(Made { size, crc })
    }

    /// False: it was skipped.
    fn hardlink(&mut self, entry: &Entry, place: &Place, target: &Name) -> Result<bool> {
        let Some((parent, name)) = target.split() else {
            return Err(entry.error("it is a hard link to the root of the tree"));
        };
        let shown = show(target.bytes());
        if self.skipped.iter().any(|skipped| skipped.path == shown) {
            self.skip(
                entry,
                format!("it is a hard link to {shown}, which was skipped"),
            );
            return Ok(false);
        }
        let missing = || {
            entry.error(format!(
                "it is a hard link to {shown}, which is not in the archive before it"
            ))
        };
        let dir = self.dirs.find(parent).map_err(|_| missing())?;
        let same = |at: &Place| {
            statat(&at.dir.fd, at.name, AtFlags::SYMLINK_NOFOLLOW)
                .map(|stat| (stat.st_dev, stat.st_ino))
        };
        if same(&Place { dir: &dir, name }).is_ok_and(|target| same(place) == Ok(target)) {
            return Ok(true);
        }
        // Without AT_SYMLINK_FOLLOW a link to a symbolic link is one to the link itself.
        let link = || linkat(&dir.fd, name, &place.dir.fd, place.name, AtFlags::empty());
        match self.put(entry, link, place) {
            Err(Errno::NOENT) => Err(missing()),
            Err(Errno::PERM) => {
                Err(entry.error(format!("it is a hard link to {shown}, which allows none")))
            }
            linked => linked.at("make hard link", entry.subject()).map(|()| true),
        }
    }

    /// Devices can be made by the machine's root only; the tree is complete without them, because
    /// every container gets its own /dev. 0/0 is overlayfs's mark of a removed file and free to make.
    fn node(
        &mut self,
        entry: &Entry,
        given: &Given,
        place: &Place,
        (kind, device): (FileType, u64),
    ) -> Result<Option<Made>> {
        if self.whiteouts.is_some() && kind == FileType::CharacterDevice && device == 0 {
            self.skip(
                entry,
                "overlayfs would take a device 0/0 for the mark of a removed file",
            );
            return Ok(None);
        }
        let make = || {
            mknodat(
                &place.dir.fd,
                place.name,
                kind,
                Mode::from_raw_mode(0o600),
                device,
            )
        };
        match self.put(entry, make, place) {
            Err(Errno::PERM) if kind != FileType::Fifo => {
                self.skip(entry, "devices can be made by root only");
                return Ok(None);
            }
            made => made.at("make node", entry.subject())?,
        }
        self.attributes(entry, given, place)?;
        Ok(Some(Made {
            size: device,
            crc: None,
        }))
    }

    /// Owner, attributes, mode and time of what has no descriptor.
    fn attributes(&mut self, entry: &Entry, given: &Given, place: &Place) -> Result<()> {
        let Place {
            dir: Dir { fd, .. },
            name,
        } = place;
        if let Some((uid, gid)) = given.change.filter(|owner| *owner != self.own) {
            chownat(
                fd,
                *name,
                Some(Uid::from_raw(uid)),
                Some(Gid::from_raw(gid)),
                AtFlags::SYMLINK_NOFOLLOW,
            )
            .at("set owner", entry.subject())?;
        }
        self.xattrs(entry, &xattr::Target::At(fd, name))?;
        if !matches!(entry.kind, Kind::Symlink(_)) {
            let handle = openat(
                fd,
                *name,
                OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            );
            handle
                .and_then(|handle| {
                    rustix::fs::chmod(
                        magic_path(&handle),
                        Mode::from_raw_mode(entry.mode & given.mode),
                    )
                })
                .at("set mode", entry.subject())?;
        }
        utimensat(
            fd,
            *name,
            &timestamps(entry.mtime),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .at("set time", entry.subject())
    }

    fn xattrs(&mut self, entry: &Entry, target: &xattr::Target) -> Result<()> {
        for (name, value) in &entry.xattrs {
            self.inherited |= name == ACCESS_LIST.as_bytes();
            match xattr::set(target, name, value) {
                Ok(()) => {}
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::ACCESS) => {
                    self.skip(
                        entry,
                        format!("its attribute {} cannot be set here", show(name)),
                    );
                }
                Err(errno) => {
                    return Err(Error::os(
                        "set attribute",
                        format!("{}: {}", entry.subject(), show(name)),
                        errno,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Runs `make`; what is in its way is removed first.
    fn put<T>(
        &mut self,
        entry: &Entry,
        make: impl Fn() -> rustix::io::Result<T>,
        place: &Place,
    ) -> rustix::io::Result<T> {
        match make() {
            Err(Errno::EXIST) => {
                match unlinkat(&place.dir.fd, place.name, AtFlags::empty()) {
                    Err(Errno::ISDIR) => {
                        self.dirs.forget(entry.name.bytes());
                        let left = remove::remove(place.dir.fd.as_fd(), place.name);
                        left.first().map_or(Ok(()), |problem| Err(problem.errno))?;
                    }
                    removed => removed?,
                }
                make()
            }
            made => made,
        }
    }

    fn skip(&mut self, entry: &Entry, reason: impl Into<String>) {
        match self.skipped.len() {
            0..MAX_SKIPPED => self.skipped.push(Skipped {
                path: show(entry.name.bytes()),
                reason: reason.into(),
            }),
            MAX_SKIPPED => self.skipped.push(Skipped {
                path: String::new(),
                reason: "and more".into(),
            }),
            _ => {}
        }
    }
}

fn kind(kind: &Kind) -> u8 {
    match kind {
        Kind::File { .. } => b'f',
        Kind::Directory => b'd',
        Kind::Symlink(_) => b'l',
        Kind::Hardlink(_) => b'h',
        Kind::Device { .. } | Kind::Fifo => b'n',
    }
}

/// An error on the way to an entry, with the entry itself.
fn of_entry(entry: &Entry, error: Error) -> Error {
    let subject = match error.subject.is_empty() {
        true => entry.subject(),
        false => format!("{} (for {})", error.subject, entry.subject()),
    };
    Error { subject, ..error }
}
