//! linux.memoryPolicy: of which memory nodes the command's pages come.

use crate::error::{Context, Error, Result};
use crate::spec::linux::MemoryPolicy;
use crate::sys::process as sys;

/// The most nodes that the kernel is told of.
const NODES: usize = 1024;

pub fn set(policy: &MemoryPolicy) -> Result<()> {
    let number = |list: &[(&str, u32)], name: &str, field: &str| {
        list.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| *number)
            .ok_or_else(|| {
                let field = format!("linux.memoryPolicy.{field}");
                Error::new("check bundle", field, format!("there is no {name:?}"))
            })
    };
    let mut mode = number(&MODES, &policy.mode, "mode")?;
    for flag in &policy.flags {
        mode |= number(&FLAGS, flag, "flags")?;
    }
    sys::set_memory_policy(mode, &nodes(&policy.nodes)?)
        .at("set memory policy", format!("{} {}", policy.mode, policy.nodes))
        .map_err(|error| {
            error.hint("linux.memoryPolicy: this machine must have the nodes, the cpuset must allow them, and the mode must take nodes (or none)")
        })
}

/// A list like `0-3,7` as the kernel's bit mask; empty for an empty list.
fn nodes(list: &str) -> Result<Vec<u64>> {
    let wrong = |range: &str| {
        let reason = format!("{range:?} is no list of memory nodes");
        Error::new("check bundle", "linux.memoryPolicy.nodes", reason)
    };
    let mut mask = Vec::new();
    for range in list
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
    {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
            return Err(wrong(range));
        };
        if first > last || last >= NODES {
            return Err(wrong(range));
        }
        mask.resize(NODES / 64, 0);
        (first..=last).for_each(|node| mask[node / 64] |= 1 << (node % 64));
    }
    Ok(mask)
}

const MODES: [(&str, u32); 7] = [
    ("MPOL_DEFAULT", 0),
    ("MPOL_PREFERRED", 1),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", 4),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];

const FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_STATIC_NODES", 1 << 15),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_a_bit_mask() {
        assert_eq!(nodes("0-1,64").unwrap()[..2], [3, 1]);
        assert!(nodes("").unwrap().is_empty());
        for bad in ["x", "3-1", "1024", "-1"] {
            assert!(nodes(bad).is_err(), "{bad}");
        }
    }
}
