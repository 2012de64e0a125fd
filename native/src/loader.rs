//! Libraries that are put into a container's root after it was built: made known to its dynamic
//! loader, without ever running anything of it. glibc's has a cache, musl's a list of directories.

mod cache;
pub mod compat;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;

use self::compat::Compat;
use crate::error::{Context, Error, Result};
use crate::log;
use crate::root::{self, RootFd};

/// A directory of libraries, and the names of those in it. No names: it is gone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loader {
    /// Inside, absolute.
    pub directory: PathBuf,
    #[serde(default)]
    pub names: Vec<String>,
}

#[cfg(target_arch = "x86_64")]
const MUSL: (&str, &str) = ("/lib/ld-musl-x86_64.so.1", "/etc/ld-musl-x86_64.path");
#[cfg(target_arch = "aarch64")]
const MUSL: (&str, &str) = ("/lib/ld-musl-aarch64.so.1", "/etc/ld-musl-aarch64.path");

const MUSL_DEFAULT: &str = "/lib:/usr/local/lib:/usr/lib";

/// So that the container's own ldconfig keeps what was added.
const CONF: &str = "00-pavlos.conf";

/// A cache of a whole distribution has 0.2 MB.
const MAX: u64 = 16 << 20;

/// Sets what the loader knows of these directories; all else stays. A root that cannot be written
/// is left as it is. The later ones answer first; before all what an image brings for CUDA.
pub fn set(root: &RootFd, loaders: &[Loader], compat: Option<&Compat>) -> Result<()> {
    if loaders.is_empty() && compat.is_none() {
        return Ok(());
    }
    let done = if exists(root, MUSL.0) {
        set_path(root, loaders)
    } else {
        let mut all = loaders.to_vec();
        all.extend(compat.map(|compat| compat::loader(root, compat)));
        set_cache(root, &all).and_then(|()| {
            all.reverse();
            set_conf(root, &all)
        })
    };
    match done {
        Err(error) if error.errno == Some(libc::EROFS) => {
            log::debug(|| format!("{error}: the loader is not told of more libraries"));
            Ok(())
        }
        other => other,
    }
}

fn set_cache(root: &RootFd, loaders: &[Loader]) -> Result<()> {
    let path = Path::new("/etc/ld.so.cache");
    let old = read(root, path)?.unwrap_or_default();
    let mut entries = cache::Cache::parse(&old);
    for loader in loaders {
        let directory = loader.directory.display().to_string();
        entries.forget(&directory);
        entries.add(&directory, &loader.names);
    }
    replace(root, path, &entries.build())
}

fn set_conf(root: &RootFd, loaders: &[Loader]) -> Result<()> {
    let directory = Path::new("/etc/ld.so.conf.d");
    if !exists(root, "/etc/ld.so.conf.d") {
        return Ok(());
    }
    let path = directory.join(CONF);
    let old = read(root, &path)?.unwrap_or_default();
    let old = String::from_utf8_lossy(&old).into_owned();
    let lines = merged(old.lines().map(str::to_owned).collect(), loaders);
    if lines.is_empty() {
        return remove(root, &path);
    }
    replace(root, &path, format!("{}\n", lines.join("\n")).as_bytes())
}

fn set_path(root: &RootFd, loaders: &[Loader]) -> Result<()> {
    let path = Path::new(MUSL.1);
    let old = read(root, path)?;
    let text = old.map_or_else(
        || MUSL_DEFAULT.to_owned(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    );
    let known = text
        .split([':', '\n'])
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let merged = merged(known, loaders).join(":");
    if merged == MUSL_DEFAULT {
        return remove(root, path);
    }
    replace(root, path, format!("{merged}\n").as_bytes())
}

/// The lines with the directories that have names, without those that have none.
fn merged(mut lines: Vec<String>, loaders: &[Loader]) -> Vec<String> {
    for loader in loaders {
        let directory = loader.directory.display().to_string();
        lines.retain(|line| *line != directory);
        if !loader.names.is_empty() {
            lines.push(directory);
        }
    }
    lines
}

fn exists(root: &RootFd, path: &str) -> bool {
    root.open(Path::new(path), OFlags::PATH, Mode::empty())
        .is_ok()
}

/// None: there is nothing. What is no plain file is an error: nobody reads from a device or a pipe.
fn read(root: &RootFd, path: &Path) -> Result<Option<Vec<u8>>> {
    use std::io::Read;
    let subject = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match root.open(path, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        other => other.at("read loader's file", subject.clone())?,
    };
    if root::kind(&fd).at("read loader's file", subject.clone())? != FileType::RegularFile {
        return Err(Error::new("read loader's file", subject, "it is no file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(fd)
        .take(MAX)
        .read_to_end(&mut bytes)
        .at("read loader's file", subject)?;
    Ok(Some(bytes))
}

/// A new file under another name, then renamed: nothing that is at the path is ever written to.
fn replace(root: &RootFd, path: &Path, content: &[u8]) -> Result<()> {
    use std::io::Write;
    let subject = path.display().to_string();
    let (parent, name) = parent(root, path)?;
    let temporary = format!(".pavlos-{}-{}", std::process::id(), name.to_string_lossy());
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(
        &parent,
        temporary.as_str(),
        flags,
        Mode::from_raw_mode(0o644),
    )
    .at("write loader's file", subject.clone())?;
    let written = std::fs::File::from(fd)
        .write_all(content)
        .at("write loader's file", subject.clone())
        .and_then(|()| {
            rustix::fs::renameat(&parent, temporary.as_str(), &parent, name)
                .at("write loader's file", subject)
        });
    if written.is_err() {
        // The first error is the one to show.
        let _ = rustix::fs::unlinkat(&parent, temporary.as_str(), AtFlags::empty());
    }
    written
}

fn remove(root: &RootFd, path: &Path) -> Result<()> {
    let (parent, name) = parent(root, path)?;
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::os(
            "remove loader's file",
            path.display().to_string(),
            errno,
        )),
    }
}

fn parent<'a>(root: &RootFd, path: &'a Path) -> Result<(OwnedFd, &'a std::ffi::OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((root.make_dir(parent, 0o755)?, name)),
        _ => Err(Error::new(
            "write loader's file",
            path.display().to_string(),
            "the path has no last name",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root(name: &str) -> (PathBuf, RootFd) {
        let directory =
            std::env::temp_dir().join(format!("pavlosc-loader-{}-{name}", std::process::id()));
        fs::create_dir_all(directory.join("etc/ld.so.conf.d")).unwrap();
        fs::create_dir_all(directory.join("lib")).unwrap();
        let root = RootFd::open_host(&directory).unwrap();
        (directory, root)
    }

    fn loader(names: &[&str]) -> [Loader; 1] {
        [Loader {
            directory: "/opt/driver".into(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }]
    }

    #[test]
    fn musl_gets_a_directory_more_and_loses_it_again() {
        let (directory, root) = root("musl");
        fs::write(directory.join(&MUSL.0[1..]), "").unwrap();
        set(&root, &loader(&["libcuda.so.1"]), None).unwrap();
        let path = directory.join(&MUSL.1[1..]);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "/lib:/usr/local/lib:/usr/lib:/opt/driver\n");
        set(&root, &loader(&[]), None).unwrap();
        assert!(!path.exists());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_link_in_the_root_is_replaced_and_what_it_leads_to_stays() {
        let (directory, root) = root("link");
        let victim = directory.with_extension("victim");
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, directory.join("etc/ld.so.cache")).unwrap();
        set(&root, &loader(&["libcuda.so.1"]), None).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert!(
            fs::symlink_metadata(directory.join("etc/ld.so.cache"))
                .unwrap()
                .is_file()
        );
        let conf = directory.join("etc/ld.so.conf.d/00-pavlos.conf");
        assert_eq!(fs::read_to_string(&conf).unwrap(), "/opt/driver\n");
        set(&root, &loader(&[]), None).unwrap();
        assert!(!conf.exists());
        fs::remove_dir_all(directory).unwrap();
        fs::remove_file(victim).unwrap();
    }
}
