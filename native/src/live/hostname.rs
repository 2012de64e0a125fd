//! `pavlosc hostname`: the host names of running containers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Result};
use crate::live::{Outcome, Request, Target, enter};
use crate::report;
use crate::state::State;
use crate::sys::fork;
use crate::userns;

/// One item of the list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    id: String,
    hostname: String,
}

impl Request for Item {
    fn id(&self) -> &str {
        &self.id
    }

    fn subject(&self) -> Option<&Path> {
        None
    }
}

/// All items of one container, in order.
pub fn serve(
    target: &Target<'_>,
    items: &[(usize, Item)],
    answer: &mut dyn FnMut(usize, Outcome),
) -> Result<()> {
    enter::host_name(target)?;
    for (position, (_, item)) in items.iter().enumerate() {
        let set = rustix::system::sethostname(item.hostname.as_bytes())
            .at("set host name", item.hostname.as_str());
        answer(position, set.map_err(Into::into));
    }
    Ok(())
}

/// A line for each container that runs and has a name of its own.
pub fn show(root: &Path, ids: &[String]) -> Result<u8> {
    for id in ids {
        let Ok(state) = State::load(root, id) else {
            continue;
        };
        let Some(init) = state.init().open() else {
            continue;
        };
        let target = Target {
            state: &state,
            init,
        };
        if enter::has_users(&target) {
            // There is no way back from there.
            userns::wait(fork::fork(|| u8::from(print(&target).is_err()))?)?;
        } else {
            // It may just have ended.
            let _ = print(&target);
        }
    }
    Ok(0)
}

fn print(target: &Target<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        id: &'a str,
        hostname: &'a str,
    }
    enter::host_name_of(target)?;
    let name = rustix::system::uname();
    report::line(&Line {
        id: &target.state.id,
        hostname: &name.nodename().to_string_lossy(),
    });
    Ok(())
}
