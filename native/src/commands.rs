//! The verbs, one file each.

mod changes;
mod complete;
mod copy;
mod create;
mod delete;
mod device;
mod duplicate;
mod enter;
mod events;
mod exchange;
mod exec;
mod features;
mod hold;
mod hostname;
mod kill;
mod list;
mod lock;
mod mount;
mod netns;
mod pack;
mod pause;
mod ps;
mod publish;
mod remove;
mod resume;
mod run;
mod spec;
mod start;
mod state;
mod stop;
mod unpack;
mod update;
mod usage;
mod verify;

use crate::cli::Globals;
use crate::error::{Error, Result};

/// A verb: its arguments -> the exit code.
pub type Verb = fn(&Globals, lexopt::Parser) -> Result<u8>;

/// The verb of that name.
pub fn find(name: &str) -> Option<Verb> {
    VERBS
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, verb, _)| *verb)
}

/// One container's line in the output of a verb that serves many.
fn print_result(id: &str, error: Option<Error>) {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    }
    let line = Line { id, error };
    crate::report::line(&line);
}

/// `--version`.
pub fn version() {
    println!(
        "pavlosc version {}\nspec: {}",
        env!("CARGO_PKG_VERSION"),
        crate::state::OCI_VERSION
    );
}

/// `--help`.
pub fn help() {
    println!("pavlosc [--root DIR] [--log FILE] [--log-format text|json] [--debug] COMMAND ...\n");
    for (name, _, usage) in VERBS {
        println!("  {name:<9} {usage}");
    }
}

#[rustfmt::skip]
const VERBS: &[(&str, Verb, &str)] = &[
    ("create", create::run, "build a container; its command waits"),
    ("start", start::run, "let the command run"),
    ("run", run::run, "create and start"),
    ("stop", stop::run, "stop supervised containers and remove them"),
    ("state", state::run, "the state of a container as JSON"),
    ("kill", kill::run, "send a signal"),
    ("delete", delete::run, "remove a stopped container"),
    ("exec", exec::run, "run one more process inside"),
    ("list", list::run, "all containers"),
    ("ps", ps::run, "the processes of a container"),
    ("pause", pause::run, "freeze a container"),
    ("resume", resume::run, "thaw it"),
    ("update", update::run, "change limits of a running container"),
    ("events", events::run, "figures of a running container"),
    ("mount", mount::run, "add, remove and replace mounts of running containers"),
    ("device", device::run, "add and remove devices of running containers"),
    ("hostname", hostname::run, "change the host names of running containers"),
    ("features", features::run, "what this binary supports, as JSON"),
    ("spec", spec::run, "write an example config.json"),
    ("unpack", unpack::run, "unpack an archive into a new directory"),
    ("pack", pack::run, "write trees as an archive to standard output"),
    ("copy", copy::run, "inside a container: the copy step of a build"),
    ("complete", complete::run, "make the directories that layers name only in passing"),
    ("usage", usage::run, "what trees take on the disk"),
    ("verify", verify::run, "compare unpacked layers with their lists"),
    ("publish", publish::run, "give finished directories their names, durably"),
    ("duplicate", duplicate::run, "copy a tree with all that belongs to it"),
    ("exchange", exchange::run, "two directories change names at one moment"),
    ("changes", changes::run, "what a writable layer changes of the layers below"),
    ("remove", remove::run, "remove trees without following links"),
    ("hold", hold::run, "keep a user, a mount and a network namespace"),
    ("enter", enter::run, "run a command in the namespaces of a process"),
    ("netns", netns::run, "make and set up network namespaces at paths"),
    ("lock", lock::run, "lock an open file that is passed as a descriptor"),
];
