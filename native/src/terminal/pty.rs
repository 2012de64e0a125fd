//! A pty from the container's own devpts: made inside, handed out over a socket.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::error::{Context, Error, Result};

/// f_type of devpts (DEVPTS_SUPER_MAGIC).
const DEVPTS: i64 = 0x1cd1;

/// Both ends of a fresh pty.
pub struct Pty {
    /// The end of the one who relays.
    pub master: OwnedFd,
    /// The end of the process inside.
    pub terminal: OwnedFd,
}

/// Makes a pty in the devpts at /dev/pts of the calling process's root: so `tty` and job control
/// work inside. The calling process must already be inside the container.
pub fn open() -> Result<Pty> {
    const PATH: &str = "/dev/pts/ptmx";
    let flags =
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let master = rustix::fs::open(PATH, flags, Mode::empty())
        .at("open terminal", PATH)
        .map_err(|error| {
            error.hint("a terminal needs a devpts file system mounted on /dev/pts in config.json")
        })?;
    verify(master.as_fd())?;
    rustix::pty::unlockpt(&master).at("unlock terminal", PATH)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal =
        rustix::pty::ioctl_tiocgptpeer(&master, flags).at("open terminal's other end", PATH)?;
    Ok(Pty { master, terminal })
}

/// Makes `terminal` the controlling terminal of a new session, its descriptors 0 to 2, and the
/// property of `uid`, as a login does.
pub fn claim(terminal: OwnedFd, uid: u32) -> Result<()> {
    rustix::fs::fchown(&terminal, Some(rustix::fs::Uid::from_raw(uid)), None)
        .at("give terminal to user", uid.to_string())?;
    rustix::process::setsid().at("begin session", "")?;
    rustix::process::ioctl_tiocsctty(&terminal).at("take controlling terminal", "")?;
    rustix::stdio::dup2_stdin(&terminal).at("set standard input", "")?;
    rustix::stdio::dup2_stdout(&terminal).at("set standard output", "")?;
    rustix::stdio::dup2_stderr(&terminal).at("set standard error", "")
}

/// Gives `size` to the pty (either end).
pub fn resize(pty: BorrowedFd<'_>, size: Winsize) -> Result<()> {
    rustix::termios::tcsetwinsize(pty, size).at("set terminal size", "")
}

/// Connects to a caller's console socket, over which `send` then hands the master end.
pub fn connect(path: &Path) -> Result<OwnedFd> {
    connect_to(path, "connect to console socket")
}

fn connect_to(path: &Path, step: &'static str) -> Result<OwnedFd> {
    let subject = path.display().to_string();
    let address = SocketAddrUnix::new(path).at(step, &*subject)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .at("make socket", &*subject)?;
    rustix::net::connect(&socket, &address).at(step, &*subject)?;
    Ok(socket)
}

/// A connected pair for handing a master end from a process inside to this one.
pub fn socket_pair() -> Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .at("make socket pair", "")
}

/// Hands `master` over, with the name that runc's protocol wants as its data.
pub fn send(socket: BorrowedFd<'_>, master: BorrowedFd<'_>) -> Result<()> {
    hand_over(socket, (b"/dev/ptmx", master)).at("send terminal", "console socket")
}

/// Hands a pidfd over, as runc does with --pidfd-socket.
pub fn send_pidfd(path: &Path, pidfd: BorrowedFd<'_>) -> Result<()> {
    let socket = connect_to(path, "connect to pidfd socket")?;
    hand_over(socket.as_fd(), (b"pidfd", pidfd)).at("send pidfd", path.display().to_string())
}

fn hand_over(
    socket: BorrowedFd<'_>,
    (name, fd): (&[u8], BorrowedFd<'_>),
) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let data = [IoSlice::new(name)];
    rustix::net::sendmsg(socket, &data, &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// Takes a master end and makes sure that it is one.
pub fn receive(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut data = [0u8; 64];
    rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut data)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )
    .at("receive terminal", "console socket")?;
    let master = control
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        })
        .ok_or_else(|| Error::new("receive terminal", "console socket", "no terminal came"))?;
    verify(master.as_fd())?;
    Ok(master)
}

/// An image can put anything at /dev/pts/ptmx: only a ptmx of a real devpts will do.
fn verify(master: BorrowedFd<'_>) -> Result<()> {
    let stat = rustix::fs::fstat(master).at("check terminal", "/dev/pts/ptmx")?;
    let filesystem = rustix::fs::fstatfs(master).at("check terminal", "/dev/pts/ptmx")?;
    let ptmx = (
        rustix::fs::major(stat.st_rdev),
        rustix::fs::minor(stat.st_rdev),
    ) == (5, 2);
    if ptmx && filesystem.f_type == DEVPTS {
        return Ok(());
    }
    Err(Error::new(
        "check terminal",
        "/dev/pts/ptmx",
        "it is not the ptmx of a devpts file system",
    )
    .hint("mount devpts on /dev/pts in config.json"))
}
