//! Overlay: the lower directories one by one where the kernel takes them so (Linux 6.7); below, all
//! of them in one string, by the numbers of their descriptors, so that hundreds fit into the page that
//! mount(2) takes.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_string, mount,
    open_tree, unmount,
};

use super::mounts::{configure, explain, finish, open_context};
use super::options::{Data, Options};
use crate::error::{Context, Error, Result};

/// What the kernel takes (OVL_MAX_STACK).
const MAX_LOWER: usize = 500;
/// Longest string that fsconfig(2) takes, without its end.
const MAX_STRING: usize = 255;

/// The overlay of these options as a detached mount. Paths escape `:`, `,` and `\` by `\`.
pub fn make(subject: &str, options: &Options) -> Result<OwnedFd> {
    let mut rest = options.clone();
    let Some(lower) = rest.take_value("lowerdir") else {
        return Err(Error::new("mount", subject, "an overlay needs lowerdir="));
    };
    let lowers = split(&lower);
    if lowers.len() > MAX_LOWER {
        let reason = format!("it has {} layers, {MAX_LOWER} are possible", lowers.len());
        return Err(Error::new("mount", subject, reason));
    }
    match one_by_one(subject, &lowers, (options, &rest))? {
        Some(tree) => Ok(tree),
        None => at_once(subject, &lowers, (options, &rest)),
    }
}

/// None: this kernel knows no `lowerdir+`.
fn one_by_one(
    subject: &str,
    lowers: &[String],
    (options, rest): (&Options, &Options),
) -> Result<Option<OwnedFd>> {
    let context = open_context("overlay", subject)?;
    // Open until the mount is made: some are named by their descriptors.
    let mut long = Vec::new();
    for (index, path) in lowers.iter().enumerate() {
        let path = short(subject, path, &mut long)?;
        match fsconfig_set_string(&context, "lowerdir+", path.as_str()) {
            Ok(()) => {}
            Err(Errno::INVAL) if index == 0 => return Ok(None),
            Err(errno) => return Err(hint(explain(&context, subject, errno))),
        }
    }
    let mut rest = rest.clone();
    for data in &mut rest.data {
        if let Data::Value(name, path) = data
            && matches!(name.as_str(), "upperdir" | "workdir")
        {
            // As it is, the kernel takes the escapes away itself.
            if path.len() > MAX_STRING {
                *path = short(subject, &unescaped(path), &mut long)?;
            }
        }
    }
    configure(&context, &rest.data)
        .and_then(|()| fsconfig_create(&context))
        .map_err(|errno| hint(explain(&context, subject, errno)))?;
    finish(context, options, subject).map(Some)
}

/// The path, or a short one of the same directory.
fn short(subject: &str, path: &str, long: &mut Vec<OwnedFd>) -> Result<String> {
    if path.len() <= MAX_STRING {
        return Ok(path.to_owned());
    }
    let directory = directory(subject, path)?;
    let name = format!("/proc/self/fd/{}", directory.as_raw_fd());
    long.push(directory);
    Ok(name)
}

/// For kernels below 6.7.
fn at_once(
    subject: &str,
    lowers: &[String],
    (options, rest): (&Options, &Options),
) -> Result<OwnedFd> {
    let opened = lowers
        .iter()
        .map(|path| directory(subject, path))
        .collect::<Result<Vec<_>>>()?;
    let mut rest = rest.clone();
    let mut places = Vec::new();
    for data in &mut rest.data {
        if let Data::Value(name, path) = data
            && matches!(name.as_str(), "upperdir" | "workdir")
        {
            let place = directory(subject, &unescaped(path))?;
            *path = place.as_raw_fd().to_string();
            places.push(place);
        }
    }
    let numbers: Vec<_> = opened.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let lower = numbers.join(":");
    // The numbers are names in this directory, and relative paths are the shortest.
    let before = directory(subject, ".")?;
    rustix::process::chdir("/proc/self/fd").at("change directory", "/proc/self/fd")?;
    let made = match lower.len() <= MAX_STRING {
        true => as_string(subject, &lower, (options, &rest)),
        false => as_page(subject, (&lower, lowers), (options, &rest)),
    };
    rustix::process::fchdir(&before).at("change directory", subject)?;
    made
}

fn directory(subject: &str, path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
        .at("mount", format!("{subject}: {path}"))
        .map_err(hint)
}

fn as_string(subject: &str, lower: &str, (options, rest): (&Options, &Options)) -> Result<OwnedFd> {
    let context = open_context("overlay", subject)?;
    fsconfig_set_string(&context, "lowerdir", lower)
        .and_then(|()| configure(&context, &rest.data))
        .and_then(|()| fsconfig_create(&context))
        .map_err(|errno| hint(explain(&context, subject, errno)))?;
    finish(context, options, subject)
}

/// mount(2) wants a place: the topmost layer, in this process's own view, for a moment.
fn as_page(
    subject: &str,
    (lower, lowers): (&str, &[String]),
    (options, rest): (&Options, &Options),
) -> Result<OwnedFd> {
    let mut text = format!("lowerdir={lower}");
    for data in &rest.data {
        match data {
            Data::Flag(name) => text.extend([",", name]),
            Data::Value(name, value) => text.extend([",", name, "=", value]),
        }
    }
    let place = lowers.first().map_or("", String::as_str);
    let text = std::ffi::CString::new(text)
        .map_err(|_| Error::new("mount", subject, "a path holds a NUL byte"))?;
    mount(
        "overlay",
        place,
        "overlay",
        MountFlags::empty(),
        text.as_c_str(),
    )
    .at("mount", subject)
    .map_err(hint)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, place, flags).at("mount", subject);
    unmount(place, UnmountFlags::DETACH).at("mount", subject)?;
    let tree = tree?;
    crate::sys::mount::mount_setattr(&tree, crate::sys::mount::Recursive::No, options.attr)
        .at("mount", subject)?;
    Ok(tree)
}

fn hint(error: Error) -> Error {
    match error.errno {
        Some(libc::ENOENT) => error.hint("lowerdir, upperdir and workdir must exist"),
        Some(libc::EPERM | libc::EINVAL) => error.hint("upperdir and workdir must be on one filesystem that can be an upper layer; without root add `userxattr`"),
        _ => error,
    }
}

/// Splits at `:` that no backslash precedes, and takes the escapes away.
fn split(list: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut characters = list.chars();
    while let Some(c) = characters.next() {
        let Some(last) = paths.last_mut() else { break };
        match c {
            '\\' => last.extend(characters.next()),
            ':' => paths.push(String::new()),
            c => last.push(c),
        }
    }
    paths
}

/// Takes the escapes of an option's value away.
fn unescaped(path: &str) -> String {
    split(path).join(":")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use rustix::mount::{MountPropagationFlags, MoveMountFlags, mount_change, move_mount};

    use super::*;

    /// A directory with that many layers; layer n (0 is the topmost) holds the file `n`, and all `top`.
    fn layers(name: &str, count: usize) -> (PathBuf, Vec<String>) {
        let base = std::env::temp_dir().join(format!("pavlosc-{name}-{}", std::process::id()));
        let paths = (0..count).map(|index| {
            let layer = base.join(format!("layer{index}"));
            fs::create_dir_all(&layer).unwrap();
            fs::write(layer.join(index.to_string()), "").unwrap();
            fs::write(layer.join("top"), index.to_string()).unwrap();
            layer.display().to_string()
        });
        let paths = paths.collect();
        for name in ["upper", "work", "point"] {
            fs::create_dir_all(base.join(name)).unwrap();
        }
        (base, paths)
    }

    fn options(base: &Path) -> Options {
        let place = |name: &str| format!("{name}dir={}", base.join(name).display());
        Options::parse(&[place("upper"), place("work"), "nodev".into()])
    }

    /// A view of mounts of this thread's own; only root may have one.
    fn own_view() -> bool {
        if !rustix::process::geteuid().is_root() {
            return false;
        }
        crate::sys::process::unshare(libc::CLONE_NEWNS).unwrap();
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).unwrap();
        true
    }

    fn assert_merged(tree: &OwnedFd, base: &Path, count: usize) {
        let point = base.join("point");
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(tree, "", CWD, &point, flags).unwrap();
        assert_eq!(fs::read_to_string(point.join("top")).unwrap(), "0");
        for index in 0..count {
            assert!(point.join(index.to_string()).exists(), "layer {index}");
        }
        fs::write(point.join("new"), "").unwrap();
        assert!(base.join("upper/new").exists());
        unmount(&point, UnmountFlags::DETACH).unwrap();
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn five_hundred_layers_are_mounted_and_one_more_is_refused() {
        if !own_view() {
            return;
        }
        let (base, lowers) = layers("many", 501);
        let value = lowers.join(":");
        let mut all = options(&base);
        all.data.push(Data::Value("lowerdir".into(), value));
        let error = make("/", &all).unwrap_err();
        assert!(error.reason.contains("501 layers, 500"), "{error}");
        let mut all = options(&base);
        all.data
            .push(Data::Value("lowerdir".into(), lowers[..500].join(":")));
        let tree = make("/", &all).unwrap();
        assert_merged(&tree, &base, 500);
    }

    #[test]
    fn older_kernels_get_them_at_once_few_or_many() {
        if !own_view() {
            return;
        }
        for count in [1, 3, 60, 500] {
            let (base, lowers) = layers("old", count);
            let before = std::env::current_dir().unwrap();
            let all = options(&base);
            let tree = at_once("/", &lowers, (&all, &all)).unwrap();
            assert_eq!(std::env::current_dir().unwrap(), before);
            assert_merged(&tree, &base, count);
        }
    }

    #[test]
    fn paths_longer_than_the_kernel_takes_are_mounted() {
        if !own_view() {
            return;
        }
        let (base, _) = layers("long", 0);
        let deep = base.join("d".repeat(120)).join("e".repeat(120));
        let lowers: Vec<String> = (0..3)
            .map(|index| {
                let layer = deep.join(format!("layer{index}"));
                fs::create_dir_all(&layer).unwrap();
                fs::write(layer.join(index.to_string()), "").unwrap();
                fs::write(layer.join("top"), index.to_string()).unwrap();
                layer.display().to_string()
            })
            .collect();
        let mut all = options(&base);
        all.data
            .push(Data::Value("lowerdir".into(), lowers.join(":")));
        let tree = make("/", &all).unwrap();
        assert_merged(&tree, &base, 3);
    }

    #[test]
    fn lower_directories_may_have_colons_and_commas() {
        assert_eq!(super::split("/a:/b"), ["/a", "/b"]);
        assert_eq!(
            super::split(r"/a\:b:/c\,d:/e\\f"),
            ["/a:b", "/c,d", r"/e\f"]
        );
    }
}
