//! The cgroup hierarchies as the container sees them: its own part, by its cgroup namespace.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::init::Init;
use super::mounts::{attach, filesystem, set, target};
use super::options::{Data, Options};
use super::plan::Mount;
use crate::error::{Context, Error, Result};
use crate::log;
use crate::spec::linux::NamespaceKind;
use crate::sys::mount::{MountAttr, Recursive, attr};

/// Mounts v2, or (v1 and hybrid) a tmpfs with a directory for each hierarchy. Without an own
/// cgroup namespace the container's own directories are bound there, as other runtimes do: a mount of
/// a whole hierarchy would show the host's.
pub fn mount(init: &Init, mount: &Mount) -> Result<()> {
    let mut mount = mount.clone();
    mount.options.data.clear();
    mount.source = Some("cgroup".into());
    let hierarchies = hierarchies()?;
    // The kernel may have v1 hierarchies that nothing here shows: the container is in v2 alone then.
    let only_v2 = !init.cgroups.is_empty() && init.cgroups.keys().all(String::is_empty);
    if only_v2 || hierarchies.is_empty() || mount.kind == "cgroup2" {
        mount.kind = "cgroup2".into();
        return one(init, &mount, &mount.destination, None);
    }
    let readonly = mount.options.attr.set & attr::RDONLY;
    let holder = Mount {
        kind: "tmpfs".into(),
        source: None,
        options: Options::parse(&[
            "nosuid".into(),
            "nodev".into(),
            "noexec".into(),
            "mode=755".into(),
        ]),
        ..mount.clone()
    };
    let tree = filesystem("cgroup", &holder, &holder.options)?;
    let at = target(init.root()?, &mount.destination, FileType::Directory)?;
    attach(&tree, &at, &mount.destination)?;
    for hierarchy in &hierarchies {
        one(
            init,
            &mount,
            &mount.destination.join(&hierarchy.directory),
            Some(hierarchy),
        )?;
        links(init, &mount.destination, hierarchy)?;
    }
    if readonly != 0 {
        set(
            init,
            &tree,
            Recursive::No,
            MountAttr {
                set: readonly,
                ..MountAttr::default()
            },
            "cgroup",
        )?;
    }
    Ok(())
}

/// A v1 hierarchy, or v2 beside v1 as `unified`.
struct Hierarchy {
    directory: String,
    data: Vec<Data>,
    controllers: Vec<String>,
}

fn one(init: &Init, mount: &Mount, at: &Path, hierarchy: Option<&Hierarchy>) -> Result<()> {
    let Some(tree) = tree(init, mount, at, hierarchy)? else {
        log::debug(|| format!("{}: nothing to show", at.display()));
        return Ok(());
    };
    let target = target(init.root()?, at, FileType::Directory)?;
    attach(&tree, &target, at)
}

/// None: it is neither the container's nor may it be mounted.
fn tree(
    init: &Init,
    mount: &Mount,
    at: &Path,
    hierarchy: Option<&Hierarchy>,
) -> Result<Option<OwnedFd>> {
    let subject = at.display().to_string();
    let data = hierarchy
        .map(|hierarchy| hierarchy.data.clone())
        .unwrap_or_default();
    let controller = hierarchy.and_then(|hierarchy| hierarchy.controllers.first());
    let own = init.cgroups.get(controller.map_or("", String::as_str));
    let named =
        hierarchy.is_some_and(|hierarchy| hierarchy.controllers.is_empty() && !data.is_empty());
    if init.config.linux.namespace(NamespaceKind::Cgroup).is_some() {
        let mount = Mount {
            kind: if data.is_empty() { "cgroup2" } else { "cgroup" }.into(),
            options: Options {
                data,
                ..mount.options.clone()
            },
            ..mount.clone()
        };
        match filesystem(&subject, &mount, &mount.options) {
            // The first mount of a hierarchy is for the host; it may be bound all the same.
            Err(error) if error.errno == Some(libc::EPERM) => {}
            other => return other.map(Some),
        }
    }
    let Some(own) = own.filter(|_| !named) else {
        return Ok(None);
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, own, flags).at("open cgroup", own.display().to_string())?;
    set(init, &tree, Recursive::No, mount.options.attr, &subject)?;
    Ok(Some(tree))
}

/// `cpu` -> `cpu,cpuacct` for hierarchies of several controllers, as hosts have it.
fn links(init: &Init, at: &Path, hierarchy: &Hierarchy) -> Result<()> {
    if hierarchy.controllers.len() < 2 {
        return Ok(());
    }
    let directory = init.root()?.make_dir(at, 0o755)?;
    for controller in &hierarchy.controllers {
        match rustix::fs::symlinkat(
            hierarchy.directory.as_str(),
            &directory,
            controller.as_str(),
        ) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => {
                return Err(Error::os(
                    "make link",
                    format!("{}/{controller}", at.display()),
                    errno,
                ));
            }
        }
    }
    Ok(())
}

/// From /proc/self/cgroup; none when only v2 is there.
fn hierarchies() -> Result<Vec<Hierarchy>> {
    let text = std::fs::read_to_string("/proc/self/cgroup").at("read", "/proc/self/cgroup")?;
    let lines = || text.lines().filter_map(|line| line.split(':').nth(1));
    if lines().all(str::is_empty) {
        return Ok(Vec::new());
    }
    Ok(lines().map(hierarchy).collect())
}

fn hierarchy(controllers: &str) -> Hierarchy {
    if controllers.is_empty() {
        return Hierarchy {
            directory: "unified".into(),
            data: Vec::new(),
            controllers: Vec::new(),
        };
    }
    if let Some(name) = controllers.strip_prefix("name=") {
        let data = vec![
            Data::Flag("none".into()),
            Data::Value("name".into(), name.into()),
        ];
        return Hierarchy {
            directory: name.into(),
            data,
            controllers: Vec::new(),
        };
    }
    let names: Vec<String> = controllers.split(',').map(str::to_owned).collect();
    let data = names.iter().cloned().map(Data::Flag).collect();
    Hierarchy {
        directory: controllers.into(),
        data,
        controllers: names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hierarchy_is_named_by_its_controllers() {
        assert_eq!(hierarchy("cpu,cpuacct").controllers, ["cpu", "cpuacct"]);
        assert_eq!(hierarchy("name=systemd").directory, "systemd");
        assert_eq!(hierarchy("").directory, "unified");
    }
}
