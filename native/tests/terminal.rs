//! Real terminals: each test holds the other end of a pty whose session leader is pavlosc.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use support::Place;

const IDLE: [&str; 3] = [
    "sh",
    "-c",
    "trap 'exit 0' TERM; while :; do sleep 0.05; done",
];

/// A terminal with pavlosc in it, as an emulator has one.
struct Screen {
    master: File,
    terminal: OwnedFd,
    child: Child,
    seen: String,
}

impl Screen {
    /// `setsid --ctty` makes the terminal the controlling one, as a login does.
    fn run(command: &Command) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ioctl_tiocgptpeer(
            &master,
            OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
        )
        .unwrap();
        tcsetwinsize(&master, size(33, 101)).unwrap();
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let mut wrapped = Command::new("setsid");
        wrapped
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args());
        wrapped
            .env("TERM", "vt100")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let child = wrapped.spawn().unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        Self {
            master: File::from(master),
            terminal,
            child,
            seen: String::new(),
        }
    }

    fn write(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until `text` comes; gives what came before, and forgets both.
    fn until(&mut self, text: &str) -> String {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(at) = self.seen.find(text) {
                let before = self.seen[..at].to_owned();
                self.seen.drain(..at + text.len());
                return before;
            }
            self.read();
            assert!(
                std::time::Instant::now() < end,
                "no {text:?} in {:?}",
                self.seen
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The exit code, and what was still shown.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        self.read();
        assert!(
            tcgetattr(&self.terminal)
                .unwrap()
                .local_modes
                .contains(LocalModes::ECHO | LocalModes::ICANON),
            "left raw"
        );
        (status.code(), self.seen)
    }

    fn read(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.master.read(&mut buffer) {
            self.seen
                .push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}

fn size(ws_row: u16, ws_col: u16) -> Winsize {
    Winsize {
        ws_row,
        ws_col,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn idle(place: &mut Place) -> String {
    let id = place.bundle(&IDLE, |_| {});
    place.supervise(&id);
    id
}

/// An interactive shell with a prompt that echo cannot fake.
fn shell(place: &Place, id: &str) -> Screen {
    let mut screen = Screen::run(&place.command(&[
        "exec",
        "--tty",
        "--env",
        "PS1=<\\#$((6*7))> ",
        id,
        "sh",
        "-i",
    ]));
    screen.until("42> ");
    screen
}

#[test]
fn a_shell_has_a_terminal_of_its_own_in_the_container() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let mut screen = shell(&place, &id);
    screen.write("tty; stty size; echo $TERM\r");
    let output = screen.until("42> ");
    assert!(
        output.contains("/dev/pts/0") && output.contains("33 101") && output.contains("vt100"),
        "{output}"
    );
    screen.write("exit 9\r");
    assert_eq!(screen.end().0, Some(9));
}

#[test]
fn control_c_and_control_z_reach_the_foreground_job_only() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let mut screen = shell(&place, &id);
    screen.write("sleep 100\r");
    screen.until("sleep 100\r\n");
    std::thread::sleep(Duration::from_millis(100));
    screen.write("\x03");
    screen.until("42> ");
    screen.write("echo code $?\r");
    screen.until("code 130");
    screen.until("42> ");
    screen.write("sleep 100\r");
    screen.until("sleep 100\r\n");
    std::thread::sleep(Duration::from_millis(100));
    screen.write("\x1a");
    screen.until("Stopped");
    screen.until("42> ");
    screen.write("fg\r");
    screen.until("sleep 100\r\n");
    std::thread::sleep(Duration::from_millis(100));
    screen.write("\x03");
    screen.until("42> ");
    screen.write("exit 0\r");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn a_created_container_with_a_terminal_lets_go_of_its_creators_output() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |config| {
        config["process"]["terminal"] = true.into();
    });
    let socket = place.dir.join("console.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let bundle = place.dir.join(&id);
    let (bundle, socket) = (bundle.to_str().unwrap(), socket.to_str().unwrap());
    // Comes back only when nobody has the pipes of the output any more.
    place.ok(&[
        "create",
        "--bundle",
        bundle,
        "--console-socket",
        socket,
        &id,
    ]);
    assert_eq!(place.state(&id)["status"], "created");
    place.ok(&["delete", "--force", &id]);
}

#[test]
fn a_resize_arrives() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let mut screen = shell(&place, &id);
    tcsetwinsize(screen.master.as_fd(), size(50, 132)).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    screen.write("stty size\r");
    screen.until("50 132");
    screen.write("\x04");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn all_output_arrives_before_the_end() {
    let mut place = Place::new();
    let id = idle(&mut place);
    for _ in 0..10 {
        let mut screen = Screen::run(&place.command(&[
            "exec",
            "--tty",
            &id,
            "sh",
            "-c",
            "seq 1 2000; echo last",
        ]));
        screen.until("1\r\n");
        screen.until("2000\r\n");
        screen.until("last\r\n");
        assert_eq!(screen.end().0, Some(0));
    }
}

#[test]
fn a_terminal_is_never_handed_over() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = idle(&mut place);
        let mut screen = Screen::run(&place.command(&[
            "exec",
            &id,
            "sh",
            "-c",
            "tty; ls -l /proc/self/fd/; echo end",
        ]));
        let output = screen.until("end\r\n");
        assert!(
            output.contains("not a tty") && !output.contains("/dev/pts"),
            "{output}"
        );
        assert_eq!(screen.end().0, Some(0));
    }
}

#[test]
fn a_terminal_killed_from_outside_is_restored() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let mut screen = shell(&place, &id);
    // The shell ignores SIGTERM; the foreground program does not.
    screen.write("exec sleep 100\r");
    screen.until("sleep 100\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let pavlosc =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", screen.child.id())).unwrap();
    let target = pavlosc
        .split_whitespace()
        .next()
        .map_or(screen.child.id().to_string(), str::to_owned);
    Command::new("kill")
        .arg("-TERM")
        .arg(target)
        .status()
        .unwrap();
    assert_eq!(screen.end().0, Some(143));
}

#[test]
fn without_a_terminal_of_the_caller_pipes_do() {
    let mut place = Place::new();
    let id = idle(&mut place);
    let mut child = place
        .command(&["exec", "--tty", &id, "sh", "-c", "tty; cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("/dev/pts/0\n") && text.contains("typed"),
        "{text:?}"
    );
    assert_eq!(output.status.code(), Some(0));
}
