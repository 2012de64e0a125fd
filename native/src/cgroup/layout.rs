//! Which cgroup hierarchies this process sees, where they are mounted, and where in them it is.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::sys::descriptor::later;

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// v1 controllers ("cpu", "cpuacct", "name=systemd"); empty: the v2 hierarchy.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mountpoint: PathBuf,
    /// Only a subtree of the hierarchy is mounted here: an absolute cgroup path has no meaning.
    pub subtree: bool,
    /// The caller's own cgroup as a directory, where the mount shows it.
    pub own: Option<PathBuf>,
}

impl Hierarchy {
    pub fn is_v2(&self) -> bool {
        self.controllers.is_empty()
    }
}

/// The hierarchies of this process. No assumption is made about their paths.
pub fn detect() -> Result<Vec<Hierarchy>> {
    Ok(parse(
        &read("/proc/self/mountinfo", Reads::ToEnd)?,
        &read("/proc/self/cgroup", Reads::UntilShort)?,
    ))
}

/// How a file of /proc comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// A list, of which a read may give less than there is.
    ToEnd,
    /// One record, which a read gives as a whole where there is room for it.
    UntilShort,
}

/// In as few reads as there can be.
fn read(path: &'static str, reads: Reads) -> Result<String> {
    const ROOM: usize = 16 << 10;
    let mut text = Vec::new();
    let mut part = [0; ROOM];
    let mut read = || {
        let mut file = std::fs::File::open(path)?;
        // A read_to_end would ask for the size first, which these files do not have.
        loop {
            match file.read(&mut part)? {
                0 => break,
                length => text.extend_from_slice(&part[..length]),
            }
            if reads == Reads::UntilShort && text.len() % ROOM != 0 {
                break;
            }
        }
        later(file);
        Ok::<_, std::io::Error>(())
    };
    read().at("read the cgroup layout", path)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// As `detect`, from the texts of mountinfo and cgroup. A hierarchy that is mounted more than
/// once counts where it was mounted first; one that was mounted over later is not told apart.
pub fn parse(mountinfo: &str, cgroup: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for hierarchy in mountinfo
        .lines()
        .filter_map(|line| parse_mount(line, cgroup))
    {
        if !found
            .iter()
            .any(|known| known.controllers == hierarchy.controllers)
        {
            found.push(hierarchy);
        }
    }
    found
}

/// A line of mountinfo: `id parent dev ROOT MOUNTPOINT options [tags] - TYPE source SUPER`.
fn parse_mount(line: &str, cgroup: &str) -> Option<Hierarchy> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, mountpoint) = (unescape(mount.next()?), unescape(mount.next()?));
    let mut filesystem = filesystem.split(' ');
    let controllers = match filesystem.next()? {
        "cgroup2" => Vec::new(),
        "cgroup" => v1_controllers(filesystem.nth(1)?)?,
        _ => return None,
    };
    let mountpoint = PathBuf::from(mountpoint);
    let own = own_path(cgroup, &controllers)
        .and_then(|path| Path::new(path).strip_prefix(&root).ok())
        // A path with `..` is outside the cgroup namespace.
        .filter(|below| !below.starts_with(".."))
        .map(|below| mountpoint.join(below));
    Some(Hierarchy {
        controllers,
        mountpoint,
        subtree: root != "/",
        own,
    })
}

/// The controllers among a v1 mount's super options, or its name.
fn v1_controllers(options: &str) -> Option<Vec<String>> {
    const KNOWN: [&str; 13] = [
        "cpu",
        "cpuacct",
        "cpuset",
        "memory",
        "devices",
        "freezer",
        "blkio",
        "pids",
        "hugetlb",
        "net_cls",
        "net_prio",
        "perf_event",
        "rdma",
    ];
    let found: Vec<String> = options
        .split(',')
        .filter(|option| KNOWN.contains(option) || option.starts_with("name="))
        .map(str::to_owned)
        .collect();
    (!found.is_empty()).then_some(found)
}

/// The path in the line `id:controllers:path` of /proc/self/cgroup.
fn own_path<'a>(cgroup: &'a str, controllers: &[String]) -> Option<&'a str> {
    cgroup.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next()?, parts.next()?);
        let same = match controllers.first() {
            None => names.is_empty(),
            Some(first) => names.split(',').any(|name| name == first),
        };
        same.then_some(path)
    })
}

/// mountinfo writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

/// Where a container's directory goes: below the hierarchy's root for an absolute path, else
/// below the caller's own cgroup. `None`: the hierarchy does not show a place for it.
pub fn place(hierarchy: &Hierarchy, path: &CgroupPath, rootless: bool) -> Option<PathBuf> {
    if path.absolute && !rootless && !hierarchy.subtree {
        return Some(hierarchy.mountpoint.join(&path.below));
    }
    let own = hierarchy.own.as_ref()?;
    // A caller that was moved to a leaf of its own still counts as being where it was.
    let base = if hierarchy.is_v2() && own.ends_with(super::LEAF) {
        own.parent()?
    } else {
        own
    };
    Some(base.join(&path.below))
}

/// `linux.cgroupsPath`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupPath {
    /// Relative, without `.` and `..`.
    pub below: PathBuf,
    pub absolute: bool,
}

impl CgroupPath {
    /// `None` stands for `pavlos/<id>`: absolute, which means below the own cgroup when rootless.
    pub fn new(path: Option<&str>, id: &str) -> Result<Self> {
        let default = format!("/pavlos/{id}");
        let text = path.filter(|path| !path.is_empty()).unwrap_or(&default);
        let wrong = |reason: &str, hint: &str| {
            Err(Error::new(
                "check config.json",
                "linux.cgroupsPath",
                format!("{reason}: {text}"),
            )
            .hint(hint))
        };
        if text.matches(':').count() == 2 && !text.starts_with('/') {
            return wrong(
                "systemd's slice:prefix:name form",
                "give a path, or have systemd make the cgroup: --systemd-cgroup",
            );
        }
        let below: PathBuf = text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        if below.as_os_str().is_empty()
            || below.iter().any(|part| part == "..")
            || text.contains('\0')
        {
            return wrong(
                "not a path below the hierarchy",
                "use a path such as /pavlos/name",
            );
        }
        Ok(Self {
            below,
            absolute: text.starts_with('/'),
        })
    }
}

#[cfg(test)]
#[path = "tests/layout.rs"]
mod tests;
