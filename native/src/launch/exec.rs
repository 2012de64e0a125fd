//! The last steps: session, rights, working directory, and the command itself.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::credentials::{self, CapabilitySets, Ids};
use super::init::Init;
use super::mounts::write_proc;
use super::{plan, process};
use crate::error::{Context, Error, Result};
use crate::root::RootFd;
use crate::seccomp;
use crate::spec::process::Process;
use crate::sys;
use crate::user::{self, User};

/// Where commands are looked for when process.env has no PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An own session: the caller's terminal, if any, is not the command's to write into.
pub fn session(init: &Init) -> Result<()> {
    match rustix::process::setsid() {
        // A leader already.
        Ok(_) | Err(Errno::PERM) => {}
        Err(errno) => return Err(Error::os("make session", "", errno)),
    }
    if let Some(terminal) = &init.terminal {
        sys::process::set_controlling_terminal(terminal).at("take terminal", "")?;
    }
    Ok(())
}

/// Becomes the command.
pub fn exec(init: &mut Init) -> Result<Infallible> {
    let Some(process) = init.config.process.clone() else {
        return Err(Error::new(
            "start command",
            "process",
            "is missing: there is nothing to start",
        ));
    };
    let mut env = process.env.clone();
    let ids = identity(init, &process, &mut env)?;
    let sets = CapabilitySets::of(&process)?;
    let filter = init
        .config
        .linux
        .seccomp
        .as_ref()
        .map(seccomp::compile)
        .transpose()?;
    label(init, &process)?;
    process::limits(&process.rlimits)?;
    if let Some(personality) = &init.config.linux.personality {
        process::personality(personality)?;
    }
    if let Some(scheduler) = &process.scheduler {
        process::scheduler(scheduler)?;
    }
    if let Some(priority) = &process.io_priority {
        process::io_priority(priority)?;
    }
    standard_descriptors(init, &ids)?;
    // Pivoting has led to "/" already.
    let below = process.cwd != Path::new("/");
    let mut entered = Ok(());
    if below {
        make_cwd(init.root()?, &process.cwd);
        entered = rustix::process::chdir(&process.cwd);
    }
    let command = Command::new(&process.args, &env)?;
    sys::signal::unblock_all();
    rustix::process::umask(Mode::from_raw_mode(
        process.user.umask.unwrap_or(0o022) & 0o777,
    ));
    credentials::apply(&ids, &sets, process.no_new_privileges, || match &filter {
        Some(filter) => filter.install().map(drop),
        None => Ok(()),
    })?;
    if below {
        enter_cwd(&process.cwd, entered)?;
    }
    init.live_with_parent()?;
    command.run()
}

/// A command with everything that execve needs, made before the rights are gone.
pub struct Command {
    args: Vec<CString>,
    env: Vec<CString>,
    candidates: Vec<PathBuf>,
    path: String,
}

impl Command {
    /// `args[0]` is looked up in the PATH of `env`, inside the root that this process has when
    /// `run` is called.
    pub fn new(args: &[String], env: &[String]) -> Result<Self> {
        let Some(name) = args.first() else {
            return Err(Error::new("start command", "process.args", "is empty").exit(127));
        };
        let path = env
            .iter()
            .rev()
            .find_map(|pair| pair.strip_prefix("PATH="))
            .unwrap_or(PATH)
            .to_owned();
        let candidates = if name.contains('/') {
            vec![PathBuf::from(name)]
        } else {
            path.split(':')
                .map(|dir| Path::new(if dir.is_empty() { "." } else { dir }).join(name))
                .collect()
        };
        let text = |list: &[String]| {
            list.iter()
                .map(|text| CString::new(text.as_str()))
                .collect::<std::result::Result<Vec<_>, _>>()
        };
        let nul = |_| {
            Error::new(
                "start command",
                name.as_str(),
                "an argument or variable contains a NUL byte",
            )
        };
        Ok(Self {
            args: text(args).map_err(nul)?,
            env: text(env).map_err(nul)?,
            candidates,
            path,
        })
    }

    /// Becomes the command. Exit code 127: it was not found; 126: it cannot be executed.
    pub fn run(&self) -> Result<Infallible> {
        sys::process::close_range_on_exec(3).at("close descriptors", "")?;
        let name = self
            .args
            .first()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut refused = None;
        for candidate in &self.candidates {
            match sys::process::exec(candidate.as_os_str(), &self.args, &self.env) {
                Errno::NOENT | Errno::NOTDIR if !exists(candidate) => {}
                errno => refused = refused.or(Some((candidate, errno))),
            }
        }
        Err(match refused {
            None if name.contains('/') => {
                Error::new("start command", name, "it does not exist in the container").exit(127)
            }
            None => Error::new(
                "start command",
                name,
                format!("not found in the container's PATH {}", self.path),
            )
            .exit(127),
            Some((path, Errno::NOENT)) => {
                Error::os("start command", path.display().to_string(), Errno::NOENT)
                    .hint("its interpreter or dynamic loader is missing in the container")
                    .exit(126)
            }
            Some((path, Errno::NOEXEC)) => {
                Error::os("start command", path.display().to_string(), Errno::NOEXEC)
                    .hint("it is a program of another architecture, or a script without #!")
                    .exit(126)
            }
            Some((path, errno)) => {
                Error::os("start command", path.display().to_string(), errno).exit(126)
            }
        })
    }
}

fn exists(path: &Path) -> bool {
    rustix::fs::statat(rustix::fs::CWD, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// process.user, or the user of the annotation, and HOME when the environment lacks it.
fn identity(init: &Init, process: &Process, env: &mut Vec<String>) -> Result<Ids> {
    let wanted = init.config.annotations.get(plan::USER);
    let has_home = env.iter().any(|pair| pair.starts_with("HOME="));
    let plain = Ids {
        uid: process.user.uid,
        gid: process.user.gid,
        groups: process.user.additional_gids.clone(),
    };
    if wanted.is_none() && has_home {
        return Ok(plain);
    }
    let (ids, home) = match wanted {
        Some(wanted) => {
            let user = find_user(init.root()?, wanted)?;
            (
                Ids {
                    uid: user.uid,
                    gid: user.gid,
                    groups: user.groups,
                },
                user.home,
            )
        }
        None => {
            let number = process.user.uid.to_string();
            let passwd = read_account_file(init.root()?, "/etc/passwd");
            let known = user::lookup(&passwd, b"", &number).ok();
            (plain, known.and_then(|user| user.home))
        }
    };
    if !has_home {
        let home = home.map_or_else(|| OsString::from("/"), PathBuf::into_os_string);
        env.push(format!("HOME={}", home.to_string_lossy()));
    }
    Ok(ids)
}

/// Looks `spec` (`uid[:gid]`, `name[:group]`) up in the root's own files.
pub fn find_user(root: &RootFd, spec: &str) -> Result<User> {
    user::lookup(
        &read_account_file(root, "/etc/passwd"),
        &read_account_file(root, "/etc/group"),
        spec,
    )
}

/// A regular file's first MAX_FILE bytes; anything else counts as empty.
pub fn read_account_file(root: &RootFd, path: &str) -> Vec<u8> {
    use std::io::Read;
    let mut text = Vec::new();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(fd) = root.open(Path::new(path), flags, Mode::empty()) else {
        return text;
    };
    if crate::root::kind(&fd).is_ok_and(|kind| kind == rustix::fs::FileType::RegularFile) {
        let _ = std::fs::File::from(fd)
            .take(user::MAX_FILE as u64)
            .read_to_end(&mut text);
    }
    text
}

/// Security labels for the exec. A host without the module is an error only when one is asked for.
fn label(init: &mut Init, process: &Process) -> Result<()> {
    if let Some(profile) = process
        .apparmor_profile
        .as_deref()
        .filter(|profile| !profile.is_empty())
    {
        let text = format!("exec {profile}");
        write_proc(init.proc()?, "self/attr/apparmor/exec", &text)
            .or_else(|_| write_proc(init.proc()?, "self/attr/exec", &text))
            .map_err(|error| {
                error.hint("process.apparmorProfile: is AppArmor enabled and the profile loaded?")
            })?;
    }
    if let Some(label) = process
        .selinux_label
        .as_deref()
        .filter(|label| !label.is_empty())
    {
        write_proc(init.proc()?, "self/attr/exec", label)
            .map_err(|error| error.hint("process.selinuxLabel: is SELinux enabled?"))?;
    }
    Ok(())
}

/// The command's 0, 1 and 2, owned by its user, so that /dev/stdout can be opened again.
fn standard_descriptors(init: &Init, ids: &Ids) -> Result<()> {
    let [input, output, error] = init.stdio();
    if let Some(input) = input {
        rustix::stdio::dup2_stdin(input).at("set standard input", "")?;
    }
    if let Some(output) = output {
        rustix::stdio::dup2_stdout(output).at("set standard output", "")?;
    }
    if let Some(error) = error {
        rustix::stdio::dup2_stderr(error).at("set standard error", "")?;
    }
    if let Some(terminal) = &init.terminal {
        let owner = Some(rustix::fs::Uid::from_raw(ids.uid));
        // In a user namespace the terminal may belong to an id without a mapping.
        let _ = rustix::fs::fchown(terminal, owner, None);
    }
    Ok(())
}

/// Missing directories are made, as other runtimes do; what stands in the way is found on entry.
fn make_cwd(root: &RootFd, cwd: &Path) {
    let _ = root.make_dir(cwd, 0o755);
}

/// The directory is entered as the user, whose right it must be; one that only root could enter
/// is kept. Then it must lie inside the root.
fn enter_cwd(cwd: &Path, entered_before: rustix::io::Result<()>) -> Result<()> {
    let subject = cwd.as_os_str().as_bytes();
    let subject = String::from_utf8_lossy(subject).into_owned();
    rustix::process::chdir(cwd)
        .or(entered_before)
        .at("enter process.cwd", subject.clone())?;
    // The kernel marks a directory outside the root by a path that does not begin with a slash.
    match rustix::process::getcwd(Vec::new()) {
        Ok(path) if path.as_bytes().starts_with(b"/") => Ok(()),
        _ => Err(Error::new(
            "enter process.cwd",
            subject,
            "it is outside the container's root",
        )),
    }
}
