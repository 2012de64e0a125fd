//! The container's first process: executes the plan, then becomes the command.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::channel::{Channel, Message};
use super::parent::Request;
use super::plan::Operation;
use super::{devices, exec, mounts, namespaces, reaper, rootfs};
use crate::cgroup::Manager;
use crate::error::{Context, Error, Result};
use crate::process::{account, attributes};
use crate::root::RootFd;
use crate::spec::Config;
use crate::spec::linux::NamespaceKind;
use crate::state::Status;
use crate::sys;
use crate::sys::descriptor::leave;

/// What the clone hands to its child.
pub struct Job<'a> {
    pub request: &'a Request<'a>,
    pub config: Config,
    pub operations: Vec<Operation>,
    pub channel: Channel,
    /// Gate::Socket.
    pub listener: Option<OwnedFd>,
    /// The container's cgroup directories, as in its state.
    pub cgroups: BTreeMap<String, PathBuf>,
    /// Mounts with other ids, by their index in config.json.
    pub mapped: BTreeMap<usize, OwnedFd>,
}

/// What the operations share.
pub struct Init<'a> {
    pub request: &'a Request<'a>,
    pub config: Config,
    pub channel: Channel,
    pub listener: Option<OwnedFd>,
    pub cgroups: BTreeMap<String, PathBuf>,
    mapped: BTreeMap<usize, OwnedFd>,
    /// The container's root, once there is one.
    pub root: Option<RootFd>,
    /// An own procfs that nothing in the container can have touched.
    pub proc: Option<RootFd>,
    /// The terminal: master until it is sent, and the command's end.
    pub master: Option<OwnedFd>,
    pub terminal: Option<OwnedFd>,
    /// The empty directory that hides others, once mounted.
    pub empty: Option<OwnedFd>,
    /// The device that hides files, certainly /dev/null.
    pub null: Option<OwnedFd>,
    /// This process, for its own mount namespace.
    pub own: Option<OwnedFd>,
    /// The fresh /dev: what is made in it is made beneath this descriptor.
    pub dev: Option<OwnedFd>,
}

/// Executes the plan; ends as the command, or with a word to the other end.
pub fn run(job: Job) -> ! {
    let Job {
        request,
        config,
        operations,
        channel,
        listener,
        cgroups,
        mapped,
    } = job;
    let mut init = Init {
        request,
        config,
        channel,
        listener,
        cgroups,
        mapped,
        root: None,
        proc: None,
        master: None,
        terminal: None,
        empty: None,
        null: None,
        own: None,
        dev: None,
    };
    init.close_foreign();
    let Err(error) = init.execute(operations);
    let _ = init.channel.send(&Message::Failed(error), None);
    sys::process::exit(1)
}

impl Init<'_> {
    fn execute(&mut self, operations: Vec<Operation>) -> Result<std::convert::Infallible> {
        rustix::process::umask(rustix::fs::Mode::empty());
        self.live_with_parent()?;
        for operation in operations {
            self.step(operation)?;
        }
        Err(Error::new("execute plan", "", "the plan has no command"))
    }

    /// What the creating process had open is not the container's: a waiting init would keep a
    /// reader of the creator's pipes waiting too.
    fn close_foreign(&self) {
        use std::os::fd::AsFd;
        self.close_all_but(self.mapped.values().map(AsFd::as_fd));
    }

    fn close_all_but<'a>(&'a self, more: impl Iterator<Item = std::os::fd::BorrowedFd<'a>>) {
        use std::os::fd::{AsFd, AsRawFd};
        let own = [
            Some(self.channel.as_fd()),
            self.listener.as_ref().map(AsFd::as_fd),
            crate::log::descriptor(),
        ];
        let stdio = self.request.stdio.iter().flatten().map(AsFd::as_fd);
        let numbers = own
            .into_iter()
            .flatten()
            .chain(stdio)
            .chain(more)
            .map(|fd| fd.as_raw_fd().cast_unsigned());
        sys::process::close_others(numbers.chain(3..3 + self.request.preserve_fds).collect());
    }

    /// Closes what `descriptor::leave` has left, so that a waiting container holds nothing of the
    /// host's.
    fn close_left(&mut self) {
        use std::os::fd::AsFd;
        self.mapped.clear();
        for fd in [self.null.take(), self.empty.take(), self.dev.take()] {
            fd.into_iter().for_each(leave);
        }
        let own = [
            self.root.as_ref().map(AsFd::as_fd),
            self.proc.as_ref().map(AsFd::as_fd),
            self.master.as_ref().map(AsFd::as_fd),
            self.terminal.as_ref().map(AsFd::as_fd),
        ];
        self.close_all_but(own.into_iter().flatten());
    }

    fn step(&mut self, operation: Operation) -> Result<()> {
        match operation {
            Operation::Join { kind, path } => namespaces::join(kind, &path),
            Operation::BecomeRoot { groups } => namespaces::become_root(self, groups),
            Operation::Admission => self.admission(),
            Operation::CgroupNamespace => {
                sys::process::unshare(libc::CLONE_NEWCGROUP).at("make cgroup namespace", "")
            }
            Operation::TimeNamespace { offsets } => namespaces::time(self, &offsets),
            Operation::Propagation(kind) => rootfs::propagation(self, kind),
            Operation::Root { mount, at } => rootfs::attach(self, mount, &at),
            Operation::RuntimeHooks => self.runtime_hooks(),
            Operation::Mount(mount) => mounts::mount(self, mount),
            Operation::Devices(nodes) => devices::nodes(self, &nodes),
            Operation::Link { name, target } => devices::link(self, name, target),
            Operation::WorkingDirectory(path) => {
                // As other runtimes do; what stands in the way is found on entry.
                let _ = self.root()?.make_dir(&path, 0o755);
                Ok(())
            }
            Operation::Drivers(text) => super::drivers::set(self.root()?, &text),
            Operation::Account(text) => super::account::add(self.root()?, &text),
            Operation::Console { height, width } => devices::console(self, height, width),
            Operation::ReadonlyDev => mounts::readonly_dev(self),
            Operation::ContainerHooks => self.hooks(|hooks| &hooks.create_container),
            Operation::Hostname(name) => {
                rustix::system::sethostname(name.as_bytes()).at("set hostname", name)
            }
            Operation::Domainname(name) => {
                rustix::system::setdomainname(name.as_bytes()).at("set domainname", name)
            }
            Operation::Loopback => namespaces::loopback(),
            Operation::Sysctl { name, value } => namespaces::sysctl(self, &name, &value),
            Operation::Readonly(path) => rootfs::readonly(self, &path),
            Operation::Mask(path) => rootfs::mask(self, &path),
            Operation::Pivot => rootfs::pivot(self),
            Operation::ChangeRoot(path) => rootfs::change_root(self, &path),
            Operation::ReadonlyRoot => rootfs::readonly_root(self),
            Operation::RootPropagation { kind, recursive } => {
                rootfs::root_propagation(self, kind, recursive)
            }
            Operation::NewKeyring => {
                attributes::new_keyring();
                Ok(())
            }
            Operation::OomScore(score) => attributes::oom_score(score, &mut self.writer()),
            Operation::Gate => self.gate(),
            Operation::Reaper => reaper::split(self),
            Operation::Idle => reaper::idle(self),
            Operation::Session => exec::session(self),
            Operation::Exec => exec::exec(self).map(|never| match never {}),
        }
    }

    fn admission(&mut self) -> Result<()> {
        self.channel.wait_for_go()?;
        if self.request.cgroups == Manager::Systemd {
            // Nobody could know them before this process was in them.
            self.cgroups = crate::cgroup::own()?;
        }
        Ok(())
    }

    /// The container's root.
    pub fn root(&self) -> Result<&RootFd> {
        self.root
            .as_ref()
            .ok_or_else(|| Error::new("execute plan", "", "the root is not there yet"))
    }

    /// The tree that the parent has prepared for a mount with other ids.
    pub fn mapped(&self, index: usize) -> rustix::io::Result<OwnedFd> {
        match self.mapped.get(&index) {
            Some(tree) => rustix::io::fcntl_dupfd_cloexec(tree, 3),
            None => Err(rustix::io::Errno::BADF),
        }
    }

    /// A procfs for everything that is written to /proc; the container's own may be covered by
    /// whatever its image or its configuration put there.
    pub fn proc(&mut self) -> Result<&RootFd> {
        if self.proc.is_none() {
            self.proc = Some(mounts::private_proc()?);
        }
        self.proc
            .as_ref()
            .ok_or_else(|| Error::new("open procfs", "", "it is gone"))
    }

    /// Writes below that procfs.
    pub fn writer(&mut self) -> impl FnMut(&str, &str) -> Result<()> {
        |path, text| mounts::write_proc(self.proc()?, path, text)
    }

    /// A user namespace is in play: some of root's rights are missing.
    pub fn in_user_namespace(&self) -> bool {
        self.config.linux.namespace(NamespaceKind::User).is_some()
    }

    /// Mounts are the host's peers, because linux.rootfsPropagation asks for it.
    pub fn shares_mounts(&self) -> bool {
        let wanted = self.config.linux.rootfs_propagation.as_deref();
        matches!(wanted, Some("shared" | "rshared"))
    }

    /// SIGKILL when the parent ends. A change of ids clears it: called again after each.
    pub fn live_with_parent(&self) -> Result<()> {
        if !self.request.die_with_parent {
            return Ok(());
        }
        sys::process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0)
            .at("tie to parent", "")
            .map(drop)
    }

    /// Descriptors for 0, 1 and 2 of the command, where they are not the ones that are there.
    pub fn stdio(&self) -> [Option<&OwnedFd>; 3] {
        match &self.terminal {
            Some(terminal) => [Some(terminal); 3],
            None => self.request.stdio.each_ref().map(Option::as_ref),
        }
    }

    fn runtime_hooks(&mut self) -> Result<()> {
        if self.config.hooks.prestart.is_empty() && self.config.hooks.create_runtime.is_empty() {
            return Ok(());
        }
        self.channel.send(&Message::Hooks, None)?;
        self.channel.wait_for_go()
    }

    /// Hooks that run inside the container's namespaces.
    pub fn hooks(
        &self,
        which: impl Fn(&crate::spec::config::Hooks) -> &Vec<crate::spec::config::Hook>,
    ) -> Result<()> {
        let hooks = which(&self.config.hooks);
        if hooks.is_empty() {
            return Ok(());
        }
        let state = crate::state::State {
            oci_version: crate::state::OCI_VERSION.to_owned(),
            id: self.request.id.to_owned(),
            pid: std::process::id().cast_signed(),
            start_time: 0,
            bundle: self.request.bundle.clone(),
            config: None,
            created: String::new(),
            owner: 0,
            annotations: self.config.annotations.clone(),
            cgroup: std::collections::BTreeMap::default(),
            unit: None,
            supervisor: None,
            started: false,
            started_at: None,
        };
        super::hooks::run(
            hooks,
            &state,
            Status::Creating,
            super::hooks::Failure::Fails,
        )
    }

    /// The hooks that run as the command would: with its environment, where they bring none.
    fn start_hooks(&mut self) -> Result<()> {
        let Some(process) = &self.config.process else {
            return self.hooks(|hooks| &hooks.start_container);
        };
        if self.config.hooks.start_container.is_empty() {
            return Ok(());
        }
        let wanted = self.config.annotations.get(super::plan::USER);
        let user = account::find(self.root()?, process, wanted.map(String::as_str))?;
        let env = account::environment(&process.env, &user);
        for hook in &mut self.config.hooks.start_container {
            hook.env.get_or_insert_with(|| env.clone());
        }
        self.hooks(|hooks| &hooks.start_container)
    }

    /// A program that is missing is better known before the start; where a hook may bring it, it
    /// shows then. A relative path is taken from the working directory, which is not entered yet.
    fn find_program(&self) -> Result<()> {
        let Some(process) = &self.config.process else {
            return Ok(());
        };
        let name = process.args.first().map_or("", String::as_str);
        let relative = name.contains('/') && !name.starts_with('/');
        let brought = !self.config.hooks.start_container.is_empty();
        if self.config.idles() || relative || brought {
            return Ok(());
        }
        crate::process::program::find(&process.args, &process.env)
    }

    fn gate(&mut self) -> Result<()> {
        use std::os::fd::AsFd;
        self.close_left();
        self.find_program()?;
        if self.terminal.is_some() {
            // Whoever reads the creator's output must not wait for a container that waits itself.
            exec::standard_descriptors(self)?;
        }
        let master = self.master.take();
        self.channel
            .send(&Message::Ready, master.as_ref().map(AsFd::as_fd))?;
        drop(master);
        match self.listener.take() {
            None => self.channel.wait_for_go()?,
            Some(listener) => {
                let flags = rustix::net::SocketFlags::CLOEXEC;
                let socket =
                    rustix::io::retry_on_intr(|| rustix::net::accept_with(&listener, flags))
                        .at("wait for start", "")?;
                self.channel = Channel::new(socket);
            }
        }
        self.start_hooks()
    }
}
