//! `pavlosc mount`: adds, removes and replaces mounts of running containers.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::launch::mounts::{attach, target as mount_target};
use crate::launch::options::{Bind, Options};
use crate::launch::plan::Mount;
use crate::live::enter::{self, Host, Inside};
use crate::live::{Outcome, Request, Target, tree, umount};

/// One item of the list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    id: String,
    action: Action,
    /// Inside.
    target: PathBuf,
    /// `tmpfs`, or a bind (the default, also as `bind` and `none`).
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Of a bind: absolute, on the host.
    source: Option<PathBuf>,
    /// As in config.json.
    #[serde(default)]
    options: Vec<String>,
    /// Changes nothing: would a removal be possible?
    #[serde(default)]
    check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// On top of whatever is there.
    Add,
    /// Nothing mounted there is fine.
    Remove,
    /// In place of what is mounted there, if anything is.
    Replace,
}

impl Request for Item {
    fn id(&self) -> &str {
        &self.id
    }

    fn subject(&self) -> Option<&Path> {
        Some(&self.target)
    }
}

/// All items of one container, in order.
pub fn serve(
    target: &Target<'_>,
    items: &[(usize, Item)],
    answer: &mut dyn FnMut(usize, Outcome),
) -> Result<()> {
    let host = enter::user(target)?;
    // Sources are out of sight later.
    let trees: Vec<Result<Option<OwnedFd>>> = items
        .iter()
        .map(|(_, item)| new_tree(&host, item))
        .collect();
    let inside = enter::mounts(target, host)?;
    for (position, ((_, item), tree)) in items.iter().zip(trees).enumerate() {
        let outcome = tree
            .map_err(Into::into)
            .and_then(|tree| perform(&inside, item, tree));
        answer(position, outcome);
    }
    Ok(())
}

fn new_tree(host: &Host, item: &Item) -> Result<Option<OwnedFd>> {
    if item.action == Action::Remove {
        return Ok(None);
    }
    tree::make(host, &mount_of(item)?).map(Some)
}

fn mount_of(item: &Item) -> Result<Mount> {
    let wrong = |reason: &str| {
        Err(Error::new(
            "read requests",
            item.target.display().to_string(),
            reason,
        ))
    };
    let mut options = Options::parse(&item.options);
    let kind = match item.kind.as_deref() {
        Some("tmpfs") if options.bind.is_none() => "tmpfs",
        None | Some("bind" | "none") => "bind",
        _ => return wrong("only tmpfs and binds can be mounted in a running container"),
    };
    if kind == "bind" {
        options.bind = options.bind.or(Some(Bind::Single));
        if !item.source.as_deref().is_some_and(Path::is_absolute) {
            return wrong("the source of a bind must be an absolute path");
        }
    }
    Ok(Mount {
        destination: Path::new("/").join(&item.target),
        kind: kind.into(),
        source: item.source.clone(),
        options,
        index: usize::MAX,
        mapped: false,
    })
}

fn perform(inside: &Inside, item: &Item, tree: Option<OwnedFd>) -> Outcome {
    let at = Path::new("/").join(&item.target);
    let old = match item.action {
        Action::Add => None,
        Action::Remove | Action::Replace => umount::find(inside, &at)?,
    };
    if item.check {
        return old.map_or(Ok(()), |old| umount::check(inside, &old));
    }
    let kept = match (&old, &tree) {
        (Some(old), Some(_)) => Some(umount::keep(inside, old)?),
        _ => None,
    };
    if let Some(old) = &old {
        umount::remove(inside, old)?;
    }
    let Some(tree) = tree else { return Ok(()) };
    let put = |tree: &OwnedFd| {
        let kind = crate::root::kind(tree).at("look at mount", at.display().to_string())?;
        let target = mount_target(&inside.root, &at, kind)?;
        attach(tree, &target, &at)
    };
    put(&tree).map_err(|error| {
        let back = kept.as_ref().map(put);
        match back {
            Some(Err(second)) => error.hint(format!("what was there is gone too: {second}")),
            _ => error,
        }
        .into()
    })
}
