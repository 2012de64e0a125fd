//! The socket between a container's init and whoever builds or starts it: small JSON messages,
//! one a packet, with at most one descriptor.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

const STEP: &str = "talk to the container's init";

/// The largest message; an error's text is cut to fit.
const MAX: usize = 16 << 10;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// To init: id maps and cgroups are set, or the hooks have run; go on.
    Go,
    /// From init: namespaces are made, run the hooks that belong there and answer `Go`.
    Hooks,
    /// From init: built, waiting for the start. With the terminal's master where there is one.
    Ready,
    /// From exec's joining process: the pid of its child, with its pidfd.
    Made(i32),
    /// From init or exec's child: the descriptor on which a filter's questions are heard.
    Listener,
    /// From init: it failed and ends.
    Failed(Error),
}

/// One end.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Two connected ends.
    pub fn pair() -> Result<(Self, Self)> {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .at("make socket pair", "")?;
        Ok((Self(one), Self(other)))
    }

    /// A connected socket as a channel.
    pub fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    pub fn send(&self, message: &Message, fd: Option<BorrowedFd<'_>>) -> Result<()> {
        let text = encode(message)?;
        let fds = fd.as_slice();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        sendmsg(
            &self.0,
            &[IoSlice::new(&text)],
            &mut control,
            SendFlags::NOSIGNAL,
        )
        .at(STEP, "send")
        .map(drop)
    }

    /// The next message; None when the other end is closed.
    pub fn receive(&self) -> Result<Option<(Message, Option<OwnedFd>)>> {
        let mut text = [0u8; MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            match recvmsg(
                &self.0,
                &mut [IoSliceMut::new(&mut text)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            ) {
                // It was closed with something of ours unread; told once. What was said before is
                // still there, and then the end.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                other => break other.at(STEP, "receive")?.bytes,
            }
        };
        if length == 0 {
            return Ok(None);
        }
        let fd = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let message = serde_json::from_slice(&text[..length])
            .map_err(|error| Error::new(STEP, "receive", error.to_string()))?;
        Ok(Some((message, fd)))
    }

    /// Waits for `Go`; anything else means that the other side has given up.
    pub fn wait_for_go(&self) -> Result<()> {
        match self.receive()? {
            Some((Message::Go, _)) => Ok(()),
            _ => Err(Error::new(STEP, "wait", "the creating process is gone")),
        }
    }
}

fn encode(message: &Message) -> Result<Vec<u8>> {
    let encode = |message| {
        serde_json::to_vec(message).map_err(|error| Error::new(STEP, "", error.to_string()))
    };
    match (encode(message)?, message) {
        (text, Message::Failed(error)) if text.len() > MAX => {
            encode(&Message::Failed(error.cut(MAX / 24)))
        }
        (text, _) => Ok(text),
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_arrives_whole() {
        let (one, other) = Channel::pair().unwrap();
        let sent = Error::os("mount", "/x", Errno::PERM).hint("try").exit(126);
        one.send(&Message::Failed(sent.clone()), None).unwrap();
        let Some((Message::Failed(got), None)) = other.receive().unwrap() else {
            panic!("no error")
        };
        assert_eq!(got.to_string(), sent.to_string());
        assert_eq!((got.errno, got.exit), (sent.errno, sent.exit));
    }

    #[test]
    fn an_error_that_is_too_long_arrives_cut() {
        let (one, other) = Channel::pair().unwrap();
        let sent =
            Error::new("mount", "/x".repeat(MAX), "\u{1}ä".repeat(MAX)).hint("try".repeat(MAX));
        one.send(&Message::Failed(sent), None).unwrap();
        let Some((Message::Failed(got), None)) = other.receive().unwrap() else {
            panic!("no error")
        };
        assert!(got.subject.starts_with("/x/x"));
    }

    #[test]
    fn a_closed_end_is_no_message() {
        let (one, other) = Channel::pair().unwrap();
        drop(one);
        assert!(other.receive().unwrap().is_none());
    }

    #[test]
    fn the_last_word_is_heard_also_when_ours_was_not() {
        let (ours, theirs) = Channel::pair().unwrap();
        ours.send(&Message::Go, None).unwrap();
        theirs.send(&Message::Ready, None).unwrap();
        drop(theirs);
        assert!(matches!(ours.receive(), Ok(Some((Message::Ready, None)))));
        assert!(matches!(ours.receive(), Ok(None)));
    }
}
