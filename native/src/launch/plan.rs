//! config.json -> the operations that build the container, in order. Pure; `--debug` prints it.

use std::path::{Path, PathBuf};

use super::options::{Options, propagation};
use crate::error::{Error, Result};
use crate::spec::Config;
use crate::spec::linux::{Device, DeviceKind, NamespaceKind, TimeOffset};
use crate::sys::mount::attr;

/// One step of the container's init. The comment of each says why it stands where it does in
/// `make`; the executor is `init`.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Enter a namespace that exists.
    Join {
        kind: NamespaceKind,
        path: PathBuf,
    },
    /// Be root of the new user namespace, so that what is made belongs to its root.
    BecomeRoot {
        groups: bool,
    },
    /// Wait until the parent has given init what it cannot take itself: its id maps, its v1 cgroups.
    Admission,
    /// After that: the cgroups are the namespace's root.
    CgroupNamespace,
    TimeNamespace {
        offsets: Vec<(String, TimeOffset)>,
    },
    /// No mount made from here on reaches the host. MS_SLAVE, MS_PRIVATE or MS_SHARED.
    Propagation(u64),
    /// The root filesystem, held as a descriptor, then attached at `at`.
    Root {
        mount: Mount,
        at: PathBuf,
    },
    RuntimeHooks,
    Mount(Mount),
    /// Nodes, one after the other: what stands in one directory is mostly together.
    Devices(Vec<Device>),
    /// A symbolic link in the fresh /dev.
    Link {
        name: &'static str,
        target: &'static str,
    },
    /// Missing directories of process.cwd, while the root can be written.
    WorkingDirectory(PathBuf),
    /// Symbolic links and libraries of drivers: what their mounts cannot bring.
    Drivers(String),
    /// A line for the user in the root's passwd and group.
    Account(String),
    Console {
        height: u16,
        width: u16,
    },
    /// /dev as config.json wants it, now that it is filled.
    ReadonlyDev,
    ContainerHooks,
    Hostname(String),
    Domainname(String),
    Loopback,
    Sysctl {
        name: String,
        value: String,
    },
    Readonly(PathBuf),
    Mask(PathBuf),
    /// The root becomes "/"; the host's root is gone.
    Pivot,
    /// Without a mount namespace: only the root directory changes.
    ChangeRoot(PathBuf),
    ReadonlyRoot,
    RootPropagation {
        kind: u64,
        recursive: bool,
    },
    NewKeyring,
    OomScore(i32),
    /// Tell the parent that all is built and wait for the start.
    Gate,
    /// Stay as pid 1; the rest is done by a child.
    Reaper,
    /// Instead of all that follows: there is no command.
    Idle,
    /// Own session, and the terminal as its controlling one.
    Session,
    /// Limits, ids, capabilities, filter; then the command.
    Exec,
}

impl Operation {
    /// Enters one of these.
    pub fn joins(&self, kinds: &[NamespaceKind]) -> bool {
        matches!(self, Self::Join { kind, .. } if kinds.contains(kind))
    }
}

/// One mount of config.json with its options sorted out.
#[derive(Debug, Clone)]
pub struct Mount {
    pub destination: PathBuf,
    pub kind: String,
    pub source: Option<PathBuf>,
    pub options: Options,
    /// Index in config.json, for errors.
    pub index: usize,
    /// It has id mappings of its own.
    pub mapped: bool,
}

impl Mount {
    /// The ids of its files are others than on the disk.
    pub fn is_mapped(&self) -> bool {
        self.mapped || self.options.idmap.is_some()
    }
}

/// What the plan depends on besides the configuration.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Absolute.
    pub bundle: PathBuf,
    /// Supplementary groups can be set (not in a user namespace of one own id).
    pub groups: bool,
    pub new_keyring: bool,
    pub admission: Admission,
}

/// What init has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Nothing: it was born in its cgroup, and its ids are those of its parent.
    None,
    /// Its cgroups, while it builds the rest.
    Cgroups,
    /// Its id maps, before it may do anything.
    Ids,
}

/// Keeps the kernel's own annotation names in one place.
pub const INIT: &str = "io.pavlos.init";
pub const USER: &str = "io.pavlos.user";
pub const ACCOUNT: &str = "io.pavlos.account";
pub const DRIVERS: &str = "io.pavlos.drivers";

/// The launch of `config` as a list.
pub fn make(config: &Config, facts: &Facts) -> Result<Vec<Operation>> {
    let mut plan = Vec::with_capacity(96);
    namespaces(&mut plan, config, facts);
    if config.linux.namespace(NamespaceKind::Mount).is_some() {
        root(&mut plan, config, facts)?;
        if has_hooks(config) {
            cgroup_namespace(&mut plan, config, facts);
        }
        plan.push(Operation::RuntimeHooks);
        filesystem(&mut plan, config, facts)?;
    } else {
        without_mounts(&mut plan, config, facts)?;
    }
    if facts.new_keyring {
        plan.push(Operation::NewKeyring);
    }
    if let Some(score) = config
        .process
        .as_ref()
        .and_then(|process| process.oom_score_adj)
    {
        plan.push(Operation::OomScore(score));
    }
    plan.push(Operation::Gate);
    if config.idles() {
        plan.push(Operation::Idle);
        return Ok(plan);
    }
    if config
        .annotations
        .get(INIT)
        .is_some_and(|value| value == "true")
    {
        plan.push(Operation::Reaper);
    }
    plan.extend([Operation::Session, Operation::Exec]);
    Ok(plan)
}

/// `source` of a bind mount, `root.path`: relative to the bundle.
pub fn root_path(config: &Config, bundle: &Path) -> PathBuf {
    config
        .root
        .as_ref()
        .map_or_else(|| bundle.to_path_buf(), |root| bundle.join(&root.path))
}

fn namespaces(plan: &mut Vec<Operation>, config: &Config, facts: &Facts) {
    if facts.admission == Admission::Ids {
        plan.push(Operation::Admission);
    }
    // A user namespace is joined first: it owns the right to join the others. The parent joins
    // pid and user, because they count for children only or decide who may do the rest.
    for namespace in &config.linux.namespaces {
        if let Some(path) = &namespace.path
            && !matches!(namespace.kind, NamespaceKind::Pid | NamespaceKind::User)
        {
            plan.push(Operation::Join {
                kind: namespace.kind,
                path: path.clone(),
            });
        }
    }
    if config.linux.namespace(NamespaceKind::User).is_some() {
        plan.push(Operation::BecomeRoot {
            groups: facts.groups,
        });
    }
    if config.linux.is_new(NamespaceKind::Time) {
        let offsets = config
            .linux
            .time_offsets
            .iter()
            .map(|(name, offset)| (name.clone(), *offset))
            .collect();
        plan.push(Operation::TimeNamespace { offsets });
    }
    if config.linux.is_new(NamespaceKind::Network) {
        plan.push(Operation::Loopback);
    }
    if let Some(name) = &config.hostname {
        plan.push(Operation::Hostname(name.clone()));
    }
    if let Some(name) = &config.domainname {
        plan.push(Operation::Domainname(name.clone()));
    }
    for (name, value) in &config.linux.sysctl {
        plan.push(Operation::Sysctl {
            name: name.clone(),
            value: value.clone(),
        });
    }
}

fn root(plan: &mut Vec<Operation>, config: &Config, facts: &Facts) -> Result<()> {
    let wanted = config.linux.rootfs_propagation.as_deref();
    let shared = matches!(wanted, Some("shared" | "rshared"));
    // Slave: the host's later mounts still arrive in what is bound with rslave; nothing goes back.
    plan.push(Operation::Propagation(if shared {
        libc::MS_SHARED
    } else {
        libc::MS_SLAVE
    }));
    let at = root_path(config, &facts.bundle);
    let mount = match config.mounts.first() {
        Some(mount) if mount.destination == Path::new("/") => sort(mount, 0, facts)?,
        _ => Mount {
            destination: "/".into(),
            kind: "bind".into(),
            source: Some(at.clone()),
            options: Options::parse(&["rbind".into()]),
            index: 0,
            mapped: false,
        },
    };
    plan.push(Operation::Root { mount, at });
    Ok(())
}

fn filesystem(plan: &mut Vec<Operation>, config: &Config, facts: &Facts) -> Result<()> {
    let skip = usize::from(
        config
            .mounts
            .first()
            .is_some_and(|mount| mount.destination == Path::new("/")),
    );
    let mut mounts = Vec::new();
    for (index, mount) in config.mounts.iter().enumerate().skip(skip) {
        mounts.push(sort(mount, index, facts)?);
    }
    // /dev is always fresh, also when config.json forgets it: the root's own may be anything.
    let mut nodes = Some(config);
    match mounts
        .iter()
        .position(|mount| mount.destination == Path::new("/dev"))
    {
        Some(index) if mounts[index].options.bind.is_some() => nodes = None,
        Some(_) => {}
        None => {
            let index = mounts
                .iter()
                .position(|mount| mount.destination.starts_with("/dev"))
                .unwrap_or(mounts.len());
            mounts.insert(index, fresh_dev());
        }
    }
    let readonly_dev = mounts.iter().any(|mount| {
        super::mounts::is_fresh_dev(mount) && mount.options.attr.set & attr::RDONLY != 0
    });
    for mount in mounts {
        // It shows the namespace's root, so the namespace must be there.
        if matches!(mount.kind.as_str(), "cgroup" | "cgroup2") {
            cgroup_namespace(plan, config, facts);
        }
        let dev = mount.destination == Path::new("/dev");
        plan.push(Operation::Mount(mount));
        if let (true, Some(config)) = (dev, nodes) {
            devices(plan, config);
        }
    }
    if let Some(drivers) = config.annotations.get(DRIVERS) {
        plan.push(Operation::Drivers(drivers.clone()));
    }
    if let Some(account) = config.annotations.get(ACCOUNT) {
        plan.push(Operation::Account(account.clone()));
    }
    if let Some(process) = config.process.as_ref().filter(|process| process.terminal) {
        let size = process.console_size;
        plan.push(Operation::Console {
            height: size.map_or(0, |size| size.height),
            width: size.map_or(0, |size| size.width),
        });
    }
    if let Some(process) = &config.process
        && process.cwd != Path::new("/")
    {
        plan.push(Operation::WorkingDirectory(process.cwd.clone()));
    }
    if readonly_dev {
        plan.push(Operation::ReadonlyDev);
    }
    plan.push(Operation::ContainerHooks);
    plan.extend(each_once(&config.linux.readonly_paths).map(Operation::Readonly));
    plan.extend(each_once(&config.linux.masked_paths).map(Operation::Mask));
    cgroup_namespace(plan, config, facts);
    plan.push(Operation::Pivot);
    if config.root.as_ref().is_some_and(|root| root.readonly) {
        plan.push(Operation::ReadonlyRoot);
    }
    if let Some(wanted) = &config.linux.rootfs_propagation {
        let kind = propagation(wanted.strip_prefix('r').unwrap_or(wanted)).ok_or_else(|| {
            Error::new(
                "check bundle",
                "linux.rootfsPropagation",
                format!("`{wanted}` is no propagation"),
            )
        })?;
        plan.push(Operation::RootPropagation {
            kind,
            recursive: wanted.starts_with('r'),
        });
    }
    Ok(())
}

/// The wait for the cgroups and the namespace that begins there, once.
fn cgroup_namespace(plan: &mut Vec<Operation>, config: &Config, facts: &Facts) {
    let done = |operation: &Operation| {
        matches!(operation, Operation::Admission | Operation::CgroupNamespace)
    };
    let waits = facts.admission == Admission::Cgroups;
    let is_new = config.linux.is_new(NamespaceKind::Cgroup);
    let skip = usize::from(facts.admission == Admission::Ids);
    if plan.iter().filter(|operation| done(operation)).count() > skip {
        return;
    }
    if waits {
        plan.push(Operation::Admission);
    }
    if is_new {
        plan.push(Operation::CgroupNamespace);
    }
}

fn each_once(paths: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let new = |(index, path): &(usize, &PathBuf)| !paths[..*index].contains(path);
    paths
        .iter()
        .enumerate()
        .filter(new)
        .map(|(_, path)| path.clone())
}

/// Hooks see the container's processes where they belong.
fn has_hooks(config: &Config) -> bool {
    let hooks = &config.hooks;
    !(hooks.prestart.is_empty()
        && hooks.create_runtime.is_empty()
        && hooks.create_container.is_empty())
}

/// The command shares the host's mounts: nothing can be mounted, only the root can differ.
fn without_mounts(plan: &mut Vec<Operation>, config: &Config, facts: &Facts) -> Result<()> {
    if !config.mounts.is_empty() {
        return Err(Error::new(
            "check bundle",
            "mounts",
            "there are mounts, but no mount namespace",
        )
        .hint("add {\"type\": \"mount\"} to linux.namespaces"));
    }
    cgroup_namespace(plan, config, facts);
    plan.push(Operation::RuntimeHooks);
    plan.push(Operation::ChangeRoot(root_path(config, &facts.bundle)));
    Ok(())
}

/// The nodes that every program expects, those of config.json, and the links of /dev.
fn devices(plan: &mut Vec<Operation>, config: &Config) {
    const STANDARD: [(&str, u32, u32); 6] = [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    ];
    let mut nodes = Vec::new();
    for (name, major, minor) in STANDARD {
        let path = Path::new("/dev").join(name);
        if config
            .linux
            .devices
            .iter()
            .any(|device| device.path == path)
        {
            continue;
        }
        nodes.push(Device {
            kind: DeviceKind::Character,
            path,
            source: None,
            major,
            minor,
            file_mode: Some(0o666),
            uid: 0,
            gid: 0,
        });
    }
    nodes.extend_from_slice(&config.linux.devices);
    plan.push(Operation::Devices(nodes));
    const LINKS: [(&str, &str); 5] = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    plan.extend(LINKS.map(|(name, target)| Operation::Link { name, target }));
}

fn fresh_dev() -> Mount {
    Mount {
        destination: "/dev".into(),
        kind: "tmpfs".into(),
        source: None,
        options: Options::parse(&[
            "nosuid".into(),
            "strictatime".into(),
            "mode=755".into(),
            "size=65536k".into(),
        ]),
        index: usize::MAX,
        mapped: false,
    }
}

fn sort(mount: &crate::spec::config::Mount, index: usize, facts: &Facts) -> Result<Mount> {
    let mut options = Options::parse(&mount.options);
    let mut kind = mount.kind.clone().unwrap_or_default();
    let is_mapped = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
    if kind == "bind" && options.bind.is_none() {
        options.bind = Some(super::options::Bind::Single);
    }
    if options.bind.is_some() {
        kind = "bind".into();
    }
    if kind.is_empty() || kind == "none" {
        return Err(Error::new(
            "check bundle",
            format!("mounts[{index}].type"),
            "is missing",
        )
        .hint("give a filesystem, or `bind` with a source"));
    }
    let source = match (&mount.source, options.bind) {
        (Some(source), Some(_)) => Some(facts.bundle.join(source)),
        (None, Some(_)) => {
            return Err(Error::new(
                "check bundle",
                format!("mounts[{index}].source"),
                "is missing for a bind mount",
            ));
        }
        (source, None) => source.clone(),
    };
    // OCI allows a relative destination and takes it from the root.
    let destination = Path::new("/").join(&mount.destination);
    Ok(Mount {
        destination,
        kind,
        source,
        options,
        index,
        mapped: is_mapped,
    })
}
