//! `linux.resources` of config.json, also what `update --resources` reads.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Limits of a container's cgroup. What is absent is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Resources {
    pub devices: Vec<DeviceRule>,
    pub memory: Option<Memory>,
    pub cpu: Option<Cpu>,
    pub pids: Option<Pids>,
    #[serde(rename = "blockIO")]
    pub block_io: Option<BlockIo>,
    pub hugepage_limits: Vec<HugepageLimit>,
    /// File name in the v2 directory -> what is written to it.
    pub unified: BTreeMap<String, String>,
}

/// Bytes; -1 is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Memory {
    pub limit: Option<i64>,
    /// Soft limit.
    pub reservation: Option<i64>,
    /// Memory and swap together.
    pub swap: Option<i64>,
    /// 0 to 100, v1 only.
    pub swappiness: Option<u64>,
    #[serde(rename = "disableOOMKiller")]
    pub disable_oom_killer: Option<bool>,
    /// Refuse a limit below the current usage.
    pub check_before_update: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Cpu {
    /// Relative weight in v1's scale, 2 to 262144; 0 is "not set".
    pub shares: Option<u64>,
    /// Microseconds of processor time in each period; -1 is unlimited.
    pub quota: Option<i64>,
    /// Microseconds that may be saved up for a burst.
    pub burst: Option<u64>,
    /// Microseconds.
    pub period: Option<u64>,
    pub realtime_runtime: Option<i64>,
    pub realtime_period: Option<u64>,
    /// Processors, as "0-3,7".
    pub cpus: Option<String>,
    /// Memory nodes, as "0-3,7".
    pub mems: Option<String>,
    /// 1: SCHED_IDLE for the whole cgroup.
    pub idle: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Pids {
    /// Processes and threads; -1 is unlimited, 0 is taken as unlimited too.
    pub limit: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockIo {
    /// 10 to 1000.
    pub weight: Option<u16>,
    pub leaf_weight: Option<u16>,
    pub weight_device: Vec<WeightDevice>,
    pub throttle_read_bps_device: Vec<ThrottleDevice>,
    pub throttle_write_bps_device: Vec<ThrottleDevice>,
    #[serde(rename = "throttleReadIOPSDevice")]
    pub throttle_read_iops_device: Vec<ThrottleDevice>,
    #[serde(rename = "throttleWriteIOPSDevice")]
    pub throttle_write_iops_device: Vec<ThrottleDevice>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightDevice {
    pub major: u32,
    pub minor: u32,
    pub weight: Option<u16>,
    pub leaf_weight: Option<u16>,
}

/// Bytes or operations a second; 0 lifts the limit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ThrottleDevice {
    pub major: u32,
    pub minor: u32,
    pub rate: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HugepageLimit {
    /// "2MB", "1GB". runc takes the other spelling too.
    #[serde(alias = "pagesize")]
    pub page_size: String,
    /// Bytes.
    pub limit: u64,
}

/// One line of the device list. Later lines win.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DeviceRule {
    pub allow: bool,
    #[serde(rename = "type", default)]
    pub kind: DeviceKind,
    /// Absent or -1: every number.
    #[serde(default)]
    pub major: Option<i64>,
    #[serde(default)]
    pub minor: Option<i64>,
    /// Some of r, w and m; absent: all.
    #[serde(default)]
    pub access: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum DeviceKind {
    #[default]
    #[serde(rename = "a")]
    All,
    #[serde(rename = "b")]
    Block,
    #[serde(rename = "c", alias = "u")]
    Character,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_field_of_the_specification() {
        let text = r#"{
            "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "r"}],
            "memory": {"limit": 536870912, "swap": -1, "disableOOMKiller": true},
            "cpu": {"shares": 1024, "quota": -1, "period": 100000, "cpus": "0-1"},
            "pids": {"limit": 32771},
            "blockIO": {"weight": 10, "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 600}]},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 9223372036854772000}],
            "unified": {"memory.high": "1000"}
        }"#;
        let read: Resources = serde_json::from_str(text).unwrap();
        assert_eq!(read.devices[0].kind, DeviceKind::All);
        assert_eq!(read.devices[1].minor, Some(3));
        let memory = read.memory.unwrap();
        assert_eq!(
            (memory.limit, memory.swap, memory.disable_oom_killer),
            (Some(536_870_912), Some(-1), Some(true))
        );
        assert_eq!(read.cpu.unwrap().quota, Some(-1));
        assert_eq!(
            read.block_io.unwrap().throttle_read_iops_device[0].rate,
            600
        );
        assert_eq!(read.hugepage_limits[0].page_size, "2MB");
        assert_eq!(read.unified["memory.high"], "1000");
    }

    #[test]
    fn refuses_a_wrong_type() {
        for text in [
            r#"{"memory": {"limit": "512MiB"}}"#,
            r#"{"cpu": {"shares": -1}}"#,
            r#"{"devices": [{"type": "c"}]}"#,
        ] {
            assert!(serde_json::from_str::<Resources>(text).is_err(), "{text}");
        }
    }
}
