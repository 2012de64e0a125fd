//! Whom the unpacked files belong to.

use crate::userns::{IdMap, Maps};

/// How the archive's ids become owners in the tree.
#[derive(Debug)]
pub enum Owner {
    /// Everything belongs to the process and nothing is changed.
    Caller { uid: u32, gid: u32 },
    /// Ids are set as they are, as far as they exist here.
    Numeric { maps: Option<Maps> },
    /// Everything is given to one user and group.
    One { uid: u32, gid: u32 },
}

/// What to set on one entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Given {
    /// User and group; none: leave them.
    pub change: Option<(u32, u32)>,
    /// The bits of the mode that may be set: setuid and setgid only for the owner they were meant for.
    pub mode: u32,
}

impl Owner {
    /// `maps`: those of the user namespace in which this process is. `squash`: all to one owner.
    pub fn new(maps: Option<&Maps>, squash: Squash) -> Self {
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        match (maps, squash) {
            (None, _) if uid != 0 => Self::Caller { uid, gid },
            (None, Squash::No) => Self::Numeric { maps: None },
            (None, Squash::Yes) => Self::One { uid: 0, gid: 0 },
            (Some(maps), Squash::No) => Self::Numeric {
                maps: Some(maps.clone()),
            },
            (Some(maps), Squash::Yes) => Self::One {
                uid: first(&maps.uids),
                gid: first(&maps.gids),
            },
        }
    }

    /// What an entry of `uid` and `gid` gets, or why it cannot.
    pub fn of(&self, uid: u64, gid: u64) -> Result<Given, String> {
        let given = |owner: (u32, u32), change| {
            let setuid = if u64::from(owner.0) == uid { 0o4000 } else { 0 };
            let setgid = if u64::from(owner.1) == gid { 0o2000 } else { 0 };
            Given {
                change,
                mode: 0o1777 | setuid | setgid,
            }
        };
        match self {
            Self::Caller { uid, gid } => Ok(given((*uid, *gid), None)),
            Self::One { uid, gid } => Ok(given((*uid, *gid), Some((*uid, *gid)))),
            Self::Numeric { maps } => {
                let uids = maps.as_ref().map(|maps| maps.uids.as_slice());
                let gids = maps.as_ref().map(|maps| maps.gids.as_slice());
                let owner = (known(uid, uids, "user")?, known(gid, gids, "group")?);
                Ok(given(owner, Some(owner)))
            }
        }
    }
}

/// Whether all entries get the same owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squash {
    Yes,
    No,
}

fn known(id: u64, maps: Option<&[IdMap]>, what: &str) -> Result<u32, String> {
    let small = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    let small = small.ok_or_else(|| format!("its {what} id {id} is not possible"))?;
    match maps.is_none_or(|maps| maps.iter().any(|map| map.holds(small))) {
        true => Ok(small),
        false => Err(format!("its {what} id {id} is outside of the mapping")),
    }
}

fn first(maps: &[IdMap]) -> u32 {
    maps.iter().map(|map| map.inside).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped() -> Owner {
        let map = |inside, count| IdMap {
            inside,
            outside: 100_000,
            count,
        };
        Owner::Numeric {
            maps: Some(Maps {
                uids: vec![map(0, 1000)],
                gids: vec![map(0, 10), map(50, 1)],
            }),
        }
    }

    #[test]
    fn ids_of_the_mapping_are_kept_and_others_refused() {
        assert_eq!(mapped().of(999, 50).unwrap().change, Some((999, 50)));
        assert!(mapped().of(1000, 0).unwrap_err().contains("user id 1000"));
        assert!(mapped().of(0, 49).unwrap_err().contains("group id 49"));
        assert!(
            Owner::Numeric { maps: None }
                .of(u64::from(u32::MAX), 0)
                .is_err()
        );
    }

    #[test]
    fn setuid_stays_only_with_its_owner() {
        let caller = Owner::Caller {
            uid: 1000,
            gid: 100,
        };
        assert_eq!(caller.of(0, 0).unwrap().mode, 0o1777);
        assert_eq!(caller.of(1000, 0).unwrap().mode, 0o5777);
        assert_eq!(
            Owner::One { uid: 0, gid: 0 }.of(0, 42).unwrap().mode,
            0o5777
        );
    }
}
