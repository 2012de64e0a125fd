//! linux.resources.pids, hugepageLimits and unified: each a value for a file.

use super::super::Cgroups;
use super::{Home, Write, home, wrong};
use crate::error::{Error, Result};
use crate::spec::resources::{HugepageLimit, Resources};

const PIDS: &str = "set linux.resources.pids.limit";
const HUGEPAGES: &str = "set linux.resources.hugepageLimits";
const UNIFIED: &str = "set linux.resources.unified";

pub fn set(cgroups: &Cgroups, resources: &Resources) -> Result<()> {
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
        let value = if limit <= 0 {
            "max".to_owned()
        } else {
            limit.to_string()
        };
        home(cgroups, "pids", PIDS)?.write(&Write::new(PIDS, "pids.max", value))?;
    }
    for limit in &resources.hugepage_limits {
        set_hugepages(cgroups, limit)?;
    }
    // After the rest: it is the last word.
    for (file, value) in &resources.unified {
        set_unified(cgroups, file, value)?;
    }
    Ok(())
}

fn set_hugepages(cgroups: &Cgroups, limit: &HugepageLimit) -> Result<()> {
    let size = &limit.page_size;
    if !size.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(wrong(
            "hugepageLimits.pageSize",
            format!("{size:?} is not a page size"),
        )
        .hint("write it as 2MB or 1GB"));
    }
    let home = home(cgroups, "hugetlb", HUGEPAGES)?;
    let (name, reserved) = match home {
        Home::V1(_) => (
            format!("hugetlb.{size}.limit_in_bytes"),
            format!("hugetlb.{size}.rsvd.limit_in_bytes"),
        ),
        Home::V2(_) => (
            format!("hugetlb.{size}.max"),
            format!("hugetlb.{size}.rsvd.max"),
        ),
    };
    home.write(&Write::new(HUGEPAGES, name, limit.limit))?;
    // Without it a reservation beyond the limit ends in SIGBUS instead of a failed mmap.
    if home.has(&reserved) {
        home.write(&Write::new(HUGEPAGES, reserved, limit.limit))
    } else {
        Ok(())
    }
}

fn set_unified(cgroups: &Cgroups, file: &str, value: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    if !file.bytes().all(plain)
        || !file.contains('.')
        || file.starts_with('.')
        || file.starts_with("cgroup.")
    {
        return Err(
            wrong("unified", format!("{file:?} is not a file of a controller"))
                .hint("write it as memory.high"),
        );
    }
    let Some(directory) = cgroups.v2() else {
        return Err(Error::new(UNIFIED, file, "the container has no cgroup v2")
            .hint("use the other fields of linux.resources"));
    };
    Home::V2(directory).write(&Write::new(UNIFIED, file, value))
}
