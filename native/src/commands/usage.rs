//! `pavlosc usage`: what trees take on the disk.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};
use rustix::io::Errno;
use serde::Serialize;

use crate::cli::{Globals, maps_and_paths};
use crate::error::{Context, Result};
use crate::log;
use crate::report;
use crate::root::RootFd;
use crate::userns;

/// A JSON line for each directory. Hard links count once in each.
pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (maps, paths) = maps_and_paths(args)?;
    let work = || -> Result<()> {
        for path in &paths {
            report::line(&measure(path)?);
        }
        Ok(())
    };
    match maps {
        None => work().map(|()| 0),
        Some(maps) => userns::run(&maps, || match work() {
            Ok(()) => 0,
            Err(error) => {
                log::error(&error);
                1
            }
        }),
    }
}

#[derive(Serialize)]
struct Usage<'a> {
    path: &'a Path,
    bytes: u64,
    files: u64,
}

fn measure(path: &Path) -> Result<Usage<'_>> {
    let root = RootFd::open_host(path)?;
    let mut found = Usage {
        path,
        bytes: 0,
        files: 0,
    };
    let mut linked = HashSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory = match root.open_without_links(&below, flags) {
            Ok(directory) => directory,
            // Removed meanwhile, or not this caller's to look into.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => continue,
            Err(errno) => return Err(errno).at("open directory", below.display().to_string()),
        };
        for entry in Dir::read_from(&directory).at("read directory", below.display().to_string())? {
            let entry = entry.at("read directory", below.display().to_string())?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(stat) = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode).is_dir() {
                open.push(below.join(std::ffi::OsStr::from_bytes(name.to_bytes())));
            } else if stat.st_nlink > 1 && !linked.insert((stat.st_dev, stat.st_ino)) {
                continue;
            }
            found.files += 1;
            // The kernel counts in 512 bytes, whatever the file system's blocks are.
            found.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        }
    }
    Ok(found)
}
