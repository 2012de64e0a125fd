//! The listener of a seccomp filter with SCMP_ACT_NOTIFY, handed to whoever answers its questions:
//! one message on the socket linux.seccomp.listenerPath, with the descriptor and the container's
//! process state as JSON.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg,
};
use serde::Serialize;

use crate::error::{Context, Error, Result};
use crate::spec::seccomp::Seccomp;
use crate::state::{Document, OCI_VERSION, State, Status};

const STEP: &str = "hand over the seccomp listener";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessState<'a> {
    oci_version: &'a str,
    fds: [&'a str; 1],
    pid: i32,
    metadata: &'a str,
    state: Document<'a>,
}

/// Hands `listener`, of the process `pid` outside, to the agent that the configuration names.
pub fn hand_over(
    seccomp: Option<&Seccomp>,
    state: (&State, Status),
    (pid, listener): (i32, Option<OwnedFd>),
) -> Result<()> {
    let (Some(seccomp), Some(listener)) = (seccomp, listener) else {
        return Err(Error::new(STEP, "", "no descriptor came"));
    };
    let path = seccomp.listener_path.as_deref().unwrap_or_default();
    let document = ProcessState {
        oci_version: OCI_VERSION,
        fds: ["seccompFd"],
        pid,
        metadata: seccomp.listener_metadata.as_deref().unwrap_or_default(),
        state: state.0.document(state.1),
    };
    let text =
        serde_json::to_vec(&document).map_err(|error| Error::new(STEP, path, error.to_string()))?;
    let address = SocketAddrUnix::new(Path::new(path)).at(STEP, path)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .at(STEP, path)?;
    rustix::net::connect(&socket, &address)
        .at(STEP, path)
        .map_err(|error| error.hint("the agent must listen on linux.seccomp.listenerPath"))?;
    let fds = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let text = [IoSlice::new(&text)];
    sendmsg(&socket, &text, &mut control, SendFlags::NOSIGNAL)
        .at(STEP, path)
        .map(drop)
}
