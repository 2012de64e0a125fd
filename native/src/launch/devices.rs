//! Device nodes, the links of /dev, and the console.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::init::Init;
use super::mounts::{attach, copy};
use crate::error::{Context, Error, Result};
use crate::root::RootFd;
use crate::spec::linux::{Device, DeviceKind};
use crate::sys::descriptor::leave;
use crate::sys::mount::Recursive;
use crate::sys::process::terminal_peer;

/// Makes nodes; where the kernel does not let us (user namespaces), shows the host's.
pub fn nodes(init: &Init, devices: &[Device]) -> Result<()> {
    let mut directories = Directories::of(init)?;
    devices
        .iter()
        .try_for_each(|device| node(init, &mut directories, device))
}

fn node<'a>(init: &Init, directories: &mut Directories<'a>, device: &'a Device) -> Result<()> {
    if init.in_user_namespace() && device.kind != DeviceKind::Fifo {
        return bind(init, directories, device);
    }
    let subject = device.path.display().to_string();
    let (Some(parent), Some(name)) = (device.path.parent(), device.path.file_name()) else {
        return Err(Error::new(
            "make device",
            subject,
            "the path has no last name",
        ));
    };
    let parent = directories.open(parent)?;
    let mode = Mode::from_raw_mode(device.file_mode.unwrap_or(0o666) & 0o7777);
    let number = rustix::fs::makedev(device.major, device.minor);
    match rustix::fs::mknodat(parent, name, file_type(device.kind), mode, number) {
        Err(Errno::PERM) => return bind(init, directories, device),
        // A mount below /dev may have brought it; it must be the same one.
        Err(Errno::EXIST) => {
            let there = rustix::fs::openat(
                parent,
                name,
                OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )
            .at("open device", subject)?;
            return verify(
                &there,
                file_type(device.kind),
                device.major,
                device.minor,
                &device.path,
            );
        }
        other => other.at("make device", subject.clone())?,
    }
    if (device.uid, device.gid) == (0, 0) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
    rustix::fs::chownat(
        parent,
        name,
        Some(uid),
        Some(gid),
        AtFlags::SYMLINK_NOFOLLOW,
    )
    .at("give device to its owner", subject)
}

/// Where nodes are made.
struct Directories<'a> {
    root: &'a RootFd,
    /// The fresh /dev is open already.
    dev: Option<BorrowedFd<'a>>,
    /// That of the node before, which is mostly the next one's too. Nothing is mounted on a directory
    /// between two nodes.
    last: Option<(&'a Path, OwnedFd)>,
}

impl<'a> Directories<'a> {
    fn of(init: &'a Init) -> Result<Self> {
        Ok(Self {
            root: init.root()?,
            dev: init.dev.as_ref().map(AsFd::as_fd),
            last: None,
        })
    }

    fn open(&mut self, path: &'a Path) -> Result<BorrowedFd<'_>> {
        if let Some(dev) = self.dev
            && path == Path::new("/dev")
        {
            return Ok(dev);
        }
        let fd = match self.last.take() {
            Some((at, fd)) if at == path => fd,
            _ => self.root.make_dir(path, 0o755)?,
        };
        Ok(self.last.insert((path, fd)).1.as_fd())
    }
}

/// A symbolic link in the fresh /dev.
pub fn link(init: &Init, name: &str, target: &str) -> Result<()> {
    let mut directories = Directories::of(init)?;
    let directory = directories.open(Path::new("/dev"))?;
    match rustix::fs::symlinkat(target, directory, name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Error::os("make link", format!("/dev/{name}"), errno)),
    }
}

/// A terminal from the container's own devpts: the command's end becomes /dev/console and its
/// standard descriptors, the master goes to whoever created the container.
pub fn console(init: &mut Init, height: u16, width: u16) -> Result<()> {
    let root = init.root()?;
    let path = Path::new("/dev/pts/ptmx");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let master = root
        .open(path, flags, Mode::empty())
        .at("open terminal", "/dev/pts/ptmx")
        .map_err(|error| error.hint("process.terminal needs a devpts mount at /dev/pts"))?;
    verify(&master, FileType::CharacterDevice, 5, 2, path)?;
    rustix::pty::unlockpt(&master).at("unlock terminal", "")?;
    let terminal = terminal_peer(&master).at("open terminal", "")?;
    if (height, width) != (0, 0) {
        let size = rustix::termios::Winsize {
            ws_row: height,
            ws_col: width,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&master, size).at("set terminal size", "")?;
    }
    let at = Path::new("/dev/console");
    let target = root.make_file(at)?;
    attach(copy(&terminal, Recursive::No, at)?, &target, at)?;
    init.master = Some(master);
    init.terminal = Some(terminal);
    Ok(())
}

/// An error unless the descriptor is this device.
pub fn verify(fd: impl AsFd, kind: FileType, major: u32, minor: u32, path: &Path) -> Result<()> {
    let stat = rustix::fs::fstat(fd).at("look at device", path.display().to_string())?;
    let is = FileType::from_raw_mode(stat.st_mode) == kind
        && (kind == FileType::Fifo || stat.st_rdev == rustix::fs::makedev(major, minor));
    if is {
        return Ok(());
    }
    Err(Error::new(
        "check device",
        path.display().to_string(),
        format!("it is not the device {major}:{minor}"),
    ))
}

fn bind<'a>(init: &Init, directories: &mut Directories<'a>, device: &'a Device) -> Result<()> {
    let host = hosts(device)?;
    let target = empty_file(init, directories, &device.path)?;
    let tree = copy(&host, Recursive::No, &device.path)?;
    attach(&tree, &target, &device.path)?;
    [host, target, tree].into_iter().for_each(leave);
    Ok(())
}

/// What the host's node is mounted on; mostly there is nothing before.
fn empty_file<'a>(
    init: &Init,
    directories: &mut Directories<'a>,
    path: &'a Path,
) -> Result<OwnedFd> {
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        let parent = directories.open(parent)?;
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
        match rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o644)) {
            // There, or in a root that nobody can write to: what is there is opened.
            Err(Errno::EXIST | Errno::ROFS) => {}
            other => return other.at("make device", path.display().to_string()),
        }
    }
    init.root()?.make_file(path)
}

/// The host's node, by its path or by its number.
pub fn hosts(device: &Device) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let letter = if device.kind == DeviceKind::Block {
        "block"
    } else {
        "char"
    };
    let by_number = format!("/dev/{letter}/{}:{}", device.major, device.minor);
    let mut first = None;
    let own = device.source.as_deref().unwrap_or(&device.path);
    for path in [own, Path::new(&by_number)] {
        let found = rustix::fs::open(path, flags, Mode::empty())
            .at("open device", path.display().to_string())
            .and_then(|fd| {
                verify(
                    &fd,
                    file_type(device.kind),
                    device.major,
                    device.minor,
                    path,
                )
                .map(|()| fd)
            });
        match found {
            Ok(fd) => return Ok(fd),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first
        .unwrap_or_else(|| Error::new("open device", by_number, "it is not there"))
        .hint("without root, a device must exist on the host under the same path"))
}

pub fn file_type(kind: DeviceKind) -> FileType {
    match kind {
        DeviceKind::Character => FileType::CharacterDevice,
        DeviceKind::Block => FileType::BlockDevice,
        DeviceKind::Fifo => FileType::Fifo,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_directory_of_nodes_that_follow_each_other_is_opened_once() {
        let base = std::env::temp_dir().join(format!("pavlosc-nodes-{}", std::process::id()));
        fs::create_dir_all(base.join("dev")).unwrap();
        let root = RootFd::open_host(&base).unwrap();
        let mut directories = Directories {
            root: &root,
            dev: None,
            last: None,
        };
        let (one, other) = (Path::new("/dev/one"), Path::new("/dev/other"));
        let inode = |fd: BorrowedFd| rustix::fs::fstat(fd).unwrap().st_ino;
        let first = inode(directories.open(one).unwrap());
        // Gone: who looks for it makes it anew.
        fs::remove_dir(base.join("dev/one")).unwrap();
        assert_eq!(inode(directories.open(one).unwrap()), first);
        assert!(!base.join("dev/one").exists());
        directories.open(other).unwrap();
        assert!(base.join("dev/other").exists());
        directories.open(one).unwrap();
        assert!(base.join("dev/one").exists());
        fs::remove_dir_all(base).unwrap();
    }
}
