//! The supervisor: the parent of a container, which keeps its output and its end.

mod batch;
mod end;
mod events;
mod health;
mod journal;
mod life;
mod log;
mod network;
mod output;
pub mod pause;
mod probe;
mod remains;
mod restart;
mod spawn;
mod status;
pub mod stop;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::cli::Globals;
use crate::error::Result;

pub use batch::run as run_batch;

/// One container to be supervised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub id: String,
    /// Directory with config.json and supervise.json.
    pub bundle: PathBuf,
    /// On top of process.env, in memory only: secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Create only; somebody else starts it.
    #[serde(skip)]
    pub hold: bool,
}

/// `run --supervise`: returns when the container is created (and, without `hold`, started); the
/// supervisor stays.
pub fn run(globals: &Globals, request: &Request) -> Result<u8> {
    spawn::spawn(globals, request, &mut Vec::new())?
        .wait()
        .map(|_| 0)
}
