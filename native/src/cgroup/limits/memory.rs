//! linux.resources.memory.

use super::super::Cgroups;
use super::{Home, Write, home, wrong};
use crate::error::Result;
use crate::spec::resources::Memory;

const LIMIT: &str = "set linux.resources.memory.limit";
const SWAP: &str = "set linux.resources.memory.swap";
const RESERVATION: &str = "set linux.resources.memory.reservation";
const NO_ACCOUNTING: &str = "this kernel does not account swap; start it with swapaccount=1, or set swap to the memory limit";

/// What the cgroup has now.
struct Now {
    /// `u64::MAX`: unlimited.
    limit: u64,
    usage: u64,
    /// The kernel accounts swap.
    swap: bool,
}

pub fn set(cgroups: &Cgroups, memory: &Memory) -> Result<()> {
    // Zero is how some callers say "not set".
    let nonzero = |value: Option<i64>| value.filter(|value| *value != 0);
    let memory = &Memory {
        limit: nonzero(memory.limit),
        swap: nonzero(memory.swap),
        reservation: nonzero(memory.reservation),
        ..memory.clone()
    };
    if *memory
        == (Memory {
            check_before_update: memory.check_before_update,
            ..Memory::default()
        })
    {
        return Ok(());
    }
    check(memory)?;
    let home = home(cgroups, "memory", LIMIT)?;
    let writes = match home {
        Home::V1(_) => v1(
            memory,
            &now(
                home,
                [
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "memory.memsw.limit_in_bytes",
                ],
            )?,
        ),
        Home::V2(_) => v2(
            memory,
            &now(home, ["memory.max", "memory.current", "memory.swap.max"])?,
        ),
    };
    home.write_all(&writes?)
}

fn now(home: Home, [limit, usage, swap]: [&str; 3]) -> Result<Now> {
    Ok(Now {
        limit: home.number(limit)?,
        usage: home.number(usage)?,
        swap: home.has(swap),
    })
}

fn check(memory: &Memory) -> Result<()> {
    let fields = [
        ("memory.limit", memory.limit),
        ("memory.swap", memory.swap),
        ("memory.reservation", memory.reservation),
    ];
    for (field, value) in fields {
        if value.is_some_and(|value| value < -1) {
            return Err(wrong(field, "neither a number of bytes nor -1 (unlimited)"));
        }
    }
    if let (Some(limit), Some(swap)) = (memory.limit, memory.swap)
        && swap != -1
        && (limit == -1 || swap < limit)
    {
        return Err(wrong(
            "memory.swap",
            format!("{swap} is less than memory.limit {limit}"),
        )
        .hint("it counts memory and swap together"));
    }
    Ok(())
}

fn check_usage(memory: &Memory, now: &Now) -> Result<()> {
    let below = memory
        .limit
        .is_some_and(|limit| limit >= 0 && limit.cast_unsigned() < now.usage);
    if below && memory.check_before_update == Some(true) {
        return Err(wrong(
            "memory.limit",
            format!("below the {} bytes that the container uses now", now.usage),
        )
        .hint("stop something in it or choose a higher limit"));
    }
    Ok(())
}

/// v1 holds "limit <= memory and swap" at every moment: the order depends on the direction.
fn v1(memory: &Memory, now: &Now) -> Result<Vec<Write>> {
    check_usage(memory, now)?;
    // Lifting the memory limit alone would leave the two together limited.
    let swap = memory
        .swap
        .or(memory.limit.filter(|limit| *limit == -1 && now.swap));
    let limit = memory
        .limit
        .map(|limit| Write::new(LIMIT, "memory.limit_in_bytes", limit));
    let swap_first = swap.is_some_and(|swap| swap == -1 || now.limit < swap.cast_unsigned());
    let swap = swap_write(
        memory,
        now,
        swap.map(|swap| Write::new(SWAP, "memory.memsw.limit_in_bytes", swap)),
    )?;
    let mut writes: Vec<Write> = if swap_first {
        swap.into_iter().chain(limit).collect()
    } else {
        limit.into_iter().chain(swap).collect()
    };
    writes.extend(
        memory
            .reservation
            .map(|value| Write::new(RESERVATION, "memory.soft_limit_in_bytes", value)),
    );
    if let Some(swappiness) = memory.swappiness {
        writes.push(Write::new(
            "set linux.resources.memory.swappiness",
            "memory.swappiness",
            swappiness,
        ));
    }
    if let Some(disable) = memory.disable_oom_killer {
        writes.push(Write::new(
            "set linux.resources.memory.disableOOMKiller",
            "memory.oom_control",
            u8::from(disable),
        ));
    }
    Ok(writes)
}

/// v2 limits swap by itself and has neither swappiness nor a switch for the OOM killer.
fn v2(memory: &Memory, now: &Now) -> Result<Vec<Write>> {
    check_usage(memory, now)?;
    let mut writes = Vec::new();
    if let Some(swap) = memory.swap {
        let value = match (swap, memory.limit) {
            (-1, _) => "max".to_owned(),
            (swap, Some(limit)) => (swap - limit).to_string(),
            (swap, None) => swap
                .cast_unsigned()
                .checked_sub(now.limit)
                .ok_or_else(|| {
                    wrong(
                        "memory.swap",
                        format!("{swap} is less than the memory limit that is set now"),
                    )
                    .hint("give memory.limit too")
                })?
                .to_string(),
        };
        writes.extend(swap_write(
            memory,
            now,
            Some(Write::new(SWAP, "memory.swap.max", value)),
        )?);
    } else if memory.limit == Some(-1) && now.swap {
        writes.push(Write::new(SWAP, "memory.swap.max", "max"));
    }
    writes.extend(
        memory
            .limit
            .map(|limit| Write::new(LIMIT, "memory.max", or_max(limit))),
    );
    writes.extend(
        memory
            .reservation
            .map(|value| Write::new(RESERVATION, "memory.low", or_max(value))),
    );
    Ok(writes)
}

/// Without swap accounting, what changes nothing is fine and anything else an error.
fn swap_write(memory: &Memory, now: &Now, write: Option<Write>) -> Result<Option<Write>> {
    let harmless = memory.swap.is_none() || memory.swap == Some(-1) || memory.swap == memory.limit;
    match write {
        write if now.swap => Ok(write),
        Some(_) if !harmless => {
            Err(wrong("memory.swap", "it cannot be limited on this machine").hint(NO_ACCOUNTING))
        }
        _ => Ok(None),
    }
}

fn or_max(value: i64) -> String {
    if value == -1 {
        "max".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
#[path = "../tests/memory.rs"]
mod tests;
