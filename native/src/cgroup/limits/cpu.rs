//! linux.resources.cpu: time and weight, processors and memory nodes.

use super::super::{Cgroups, file};
use super::{Home, Write, home, wrong};
use crate::error::{Error, Result};
use crate::spec::resources::Cpu;

const QUOTA: &str = "set linux.resources.cpu.quota";
const PERIOD: &str = "set linux.resources.cpu.period";
const SHARES: &str = "set linux.resources.cpu.shares";
const BURST: &str = "set linux.resources.cpu.burst";
const IDLE: &str = "set linux.resources.cpu.idle";

pub fn set(cgroups: &Cgroups, cpu: &Cpu) -> Result<()> {
    let shares = cpu.shares.filter(|shares| *shares != 0);
    let quota = cpu.quota.filter(|quota| *quota != 0);
    let period = cpu.period.filter(|period| *period != 0);
    let cpu = Cpu {
        shares,
        quota,
        period,
        cpus: None,
        mems: None,
        ..cpu.clone()
    };
    if cpu == Cpu::default() {
        return Ok(());
    }
    if quota.is_some_and(|quota| quota < -1) {
        return Err(wrong(
            "cpu.quota",
            "neither microseconds nor -1 (unlimited)",
        ));
    }
    let home = home(cgroups, "cpu", QUOTA)?;
    match home {
        Home::V1(_) => set_v1(home, &cpu),
        Home::V2(_) => set_v2(home, &cpu),
    }
}

fn set_v1(home: Home, cpu: &Cpu) -> Result<()> {
    let period = cpu
        .period
        .map(|period| Write::new(PERIOD, "cpu.cfs_period_us", period));
    let quota = cpu
        .quota
        .map(|quota| Write::new(QUOTA, "cpu.cfs_quota_us", quota));
    let burst = cpu
        .burst
        .map(|burst| Write::new(BURST, "cpu.cfs_burst_us", burst));
    // The parent's share limits quota / period at every moment, and burst may not exceed quota:
    // which order is right depends on what is set now, so an order that fails is tried reversed.
    let forward: Vec<Write> = period.into_iter().chain(quota).chain(burst).collect();
    let reversed: Vec<Write> = forward.iter().rev().cloned().collect();
    if home.write_all(&forward).is_err() {
        home.write_all(&reversed)
            .and_then(|()| home.write_all(&forward))?;
    }
    home.write_all(&weight(cpu, "cpu.shares", cpu.shares))?;
    for (value, step, file) in [
        (
            cpu.realtime_period.map(|value| value.to_string()),
            "set linux.resources.cpu.realtimePeriod",
            "cpu.rt_period_us",
        ),
        (
            cpu.realtime_runtime.map(|value| value.to_string()),
            "set linux.resources.cpu.realtimeRuntime",
            "cpu.rt_runtime_us",
        ),
    ] {
        if let Some(value) = value {
            home.write(&Write::new(step, file, value))?;
        }
    }
    Ok(())
}

fn set_v2(home: Home, cpu: &Cpu) -> Result<()> {
    let burst = cpu
        .burst
        .map(|burst| Write::new(BURST, "cpu.max.burst", burst));
    let max = if cpu.quota.is_some() || cpu.period.is_some() {
        Some(v2_max(cpu, &home.read("cpu.max")?))
    } else {
        None
    };
    let forward: Vec<Write> = max.into_iter().chain(burst).collect();
    let reversed: Vec<Write> = forward.iter().rev().cloned().collect();
    if home.write_all(&forward).is_err() {
        home.write_all(&reversed)
            .and_then(|()| home.write_all(&forward))?;
    }
    home.write_all(&weight(cpu, "cpu.weight", cpu.shares.map(shares_to_weight)))
}

/// `cpu.max` holds "QUOTA PERIOD"; what is not asked for stays as in `now`.
fn v2_max(cpu: &Cpu, now: &str) -> Write {
    let (quota, period) = now.split_once(' ').unwrap_or((now, "100000"));
    let quota = match cpu.quota {
        Some(-1) => "max".to_owned(),
        Some(value) => value.to_string(),
        None => quota.to_owned(),
    };
    let period = cpu
        .period
        .map_or_else(|| period.to_owned(), |value| value.to_string());
    Write::new(QUOTA, "cpu.max", format!("{quota} {period}"))
}

/// The period in force, microseconds; None: there is no such file.
pub fn period(cgroups: &Cgroups) -> Option<u64> {
    let max = cgroups.v2()?.join("cpu.max");
    file::read(&max).ok()?.split_once(' ')?.1.parse().ok()
}

/// An idle cgroup takes no weight: leave idle first, enter it last.
fn weight(cpu: &Cpu, file: &'static str, weight: Option<u64>) -> Vec<Write> {
    let idle = cpu.idle.map(|idle| Write::new(IDLE, "cpu.idle", idle));
    let weight = weight.map(|weight| Write::new(SHARES, file, weight));
    if cpu.idle == Some(0) {
        idle.into_iter().chain(weight).collect()
    } else {
        weight.into_iter().chain(idle).collect()
    }
}

/// v1's 2..=262144 (default 1024) to v2's 1..=10000 (default 100): the curve through these three
/// points, quadratic in the logarithm, that the other runtimes use since 2025.
pub fn shares_to_weight(shares: u64) -> u64 {
    match shares {
        ..=2 => 1,
        262_144.. => 10_000,
        _ => {
            #[expect(clippy::cast_precision_loss, reason = "at most 18 bits")]
            let log = (shares as f64).log2();
            let exponent = log.mul_add(log, 125.0 * log) / 612.0 - 7.0 / 34.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "1 to 10000"
            )]
            let weight = 10_f64.powf(exponent).ceil() as u64;
            weight
        }
    }
}

/// The processors and memory nodes that the container may use.
pub fn set_cpuset(cgroups: &Cgroups, cpu: &Cpu) -> Result<()> {
    let asked = [
        (&cpu.cpus, "set linux.resources.cpu.cpus", "cpuset.cpus"),
        (&cpu.mems, "set linux.resources.cpu.mems", "cpuset.mems"),
    ];
    for (list, step, file) in asked {
        let Some(list) = list.as_deref().filter(|list| !list.is_empty()) else {
            continue;
        };
        if !list
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'-'))
        {
            return Err(Error::new(step, list, "not a list of numbers").hint("write it as 0-3,7"));
        }
        home(cgroups, "cpuset", step)?.write(&Write::new(step, file, list))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_default_of_the_two_weight_scales_meet() {
        let pairs = [
            (0, 1),
            (2, 1),
            (1024, 100),
            (262_144, 10_000),
            (999_999, 10_000),
        ];
        for (shares, weight) in pairs {
            assert_eq!(shares_to_weight(shares), weight, "{shares}");
        }
        assert!(
            (2..262_144)
                .step_by(97)
                .all(|shares| shares_to_weight(shares) <= shares_to_weight(shares + 97))
        );
    }

    #[test]
    fn v2_keeps_the_half_of_cpu_max_that_is_not_asked_for() {
        let cpu = |quota, period| Cpu {
            quota,
            period,
            ..Cpu::default()
        };
        let value = |cpu: &Cpu, now| v2_max(cpu, now).value;
        assert_eq!(
            value(&cpu(Some(50_000), None), "max 100000"),
            "50000 100000"
        );
        assert_eq!(
            value(&cpu(None, Some(20_000)), "50000 100000"),
            "50000 20000"
        );
        assert_eq!(
            value(&cpu(Some(-1), Some(20_000)), "50000 100000"),
            "max 20000"
        );
    }

    #[test]
    fn idle_is_left_before_and_entered_after_the_weight() {
        let files = |idle| {
            let cpu = Cpu {
                idle: Some(idle),
                ..Cpu::default()
            };
            weight(&cpu, "cpu.weight", Some(5))
                .into_iter()
                .map(|write| write.file)
                .collect::<Vec<_>>()
        };
        assert_eq!(files(0), ["cpu.idle", "cpu.weight"]);
        assert_eq!(files(1), ["cpu.weight", "cpu.idle"]);
    }
}
