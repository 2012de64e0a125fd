//! Reading and writing cgroup files.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::sys::descriptor::later;

/// Writes `value` in one write call. The error names the file, the value and a way out.
pub fn write(path: &Path, value: &str) -> Result<()> {
    try_write(path, value).map_err(|error| explain(path, value, &error))
}

/// As `write`; the file is closed by `close_later`.
pub fn write_and_leave(path: &Path, value: &str) -> Result<()> {
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        let written = file.write_all(value.as_bytes());
        later(file);
        written
    };
    write().map_err(|error| explain(path, value, &error))
}

/// As `write`, with the bare error for callers that decide by it.
pub fn try_write(path: &Path, value: &str) -> std::io::Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}

/// The content without the newline at its end, up to 4095 bytes: for files with values, which the
/// kernel gives whole in one read.
pub fn read(path: &Path) -> Result<String> {
    read_then(path, drop)
}

/// As `read`; the file is closed by `close_later`.
pub fn read_and_leave(path: &Path) -> Result<String> {
    read_then(path, later)
}

fn read_then(path: &Path, close: fn(File)) -> Result<String> {
    let mut buffer = [0; 4096];
    let mut read = || {
        let mut file = File::open(path)?;
        let length = file.read(&mut buffer);
        close(file);
        length
    };
    let length = read().at("read cgroup file", path.display().to_string())?;
    Ok(String::from_utf8_lossy(&buffer[..length])
        .trim_end()
        .to_owned())
}

/// A file with one number in it; `max` is `u64::MAX`.
pub fn read_number(path: &Path) -> Result<u64> {
    let text = read(path)?;
    if text == "max" {
        return Ok(u64::MAX);
    }
    text.parse().map_err(|_| {
        Error::new(
            "read cgroup file",
            path.display().to_string(),
            format!("not a number: {text}"),
        )
    })
}

/// The error for a value that the kernel did not take.
pub fn explain(path: &Path, value: &str, error: &std::io::Error) -> Error {
    let mut shown = Error::new(
        "write cgroup file",
        path.display().to_string(),
        format!("cannot set {value:?}: {error}"),
    );
    shown.errno = error.raw_os_error();
    match hint(path, shown.errno.map(Errno::from_raw_os_error)) {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}

fn hint(path: &Path, errno: Option<Errno>) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(match errno? {
        Errno::NOENT => format!("this kernel or this cgroup has no {name}: the controller is not enabled here"),
        Errno::BUSY if name.starts_with("memory.") => {
            "the container uses more memory than that now; stop something in it or choose a higher limit".to_owned()
        }
        Errno::INVAL if name.starts_with("cpuset.") => "name processors and memory nodes that this machine and the parent cgroup have".to_owned(),
        Errno::INVAL | Errno::RANGE => "the kernel does not take this value here; check its range and the parent cgroup's limit".to_owned(),
        Errno::NODEV | Errno::NXIO => "no such block device; give the numbers of a whole disk".to_owned(),
        Errno::ACCESS | Errno::PERM | Errno::ROFS => super::DELEGATION_HINT.to_owned(),
        _ => return None,
    })
}
