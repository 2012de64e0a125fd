//! linux.resources.blockIO.

use super::super::Cgroups;
use super::{Home, Write, home, wrong};
use crate::error::Result;
use crate::spec::resources::{BlockIo, ThrottleDevice, WeightDevice};

const WEIGHT: &str = "set linux.resources.blockIO.weight";
const WEIGHT_DEVICE: &str = "set linux.resources.blockIO.weightDevice";
const READ_BPS: &str = "set linux.resources.blockIO.throttleReadBpsDevice";
const WRITE_BPS: &str = "set linux.resources.blockIO.throttleWriteBpsDevice";
const READ_IOPS: &str = "set linux.resources.blockIO.throttleReadIOPSDevice";
const WRITE_IOPS: &str = "set linux.resources.blockIO.throttleWriteIOPSDevice";

pub fn set(cgroups: &Cgroups, io: &BlockIo) -> Result<()> {
    let io = &BlockIo {
        weight: io.weight.filter(|weight| *weight != 0),
        ..io.clone()
    };
    if *io == BlockIo::default() {
        return Ok(());
    }
    let weights = io
        .weight_device
        .iter()
        .filter_map(|device| device.weight)
        .chain(io.weight);
    if let Some(weight) = weights
        .into_iter()
        .find(|weight| !(10..=1000).contains(weight))
    {
        return Err(wrong(
            "blockIO.weight",
            format!("{weight} is not within 10 to 1000"),
        ));
    }
    let home = home(cgroups, "blkio", WEIGHT)?;
    let writes = match home {
        Home::V1(_) => v1(io, home.has("blkio.bfq.weight")),
        Home::V2(_) => v2(io, home.has("io.bfq.weight")),
    };
    home.write_all(&writes)
}

fn throttles(io: &BlockIo) -> [(&[ThrottleDevice], &'static str, &'static str, &'static str); 4] {
    [
        (
            &io.throttle_read_bps_device,
            READ_BPS,
            "blkio.throttle.read_bps_device",
            "rbps",
        ),
        (
            &io.throttle_write_bps_device,
            WRITE_BPS,
            "blkio.throttle.write_bps_device",
            "wbps",
        ),
        (
            &io.throttle_read_iops_device,
            READ_IOPS,
            "blkio.throttle.read_iops_device",
            "riops",
        ),
        (
            &io.throttle_write_iops_device,
            WRITE_IOPS,
            "blkio.throttle.write_iops_device",
            "wiops",
        ),
    ]
}

/// Weights are the disk scheduler's: bfq's now, cfq's in older kernels.
fn v1(io: &BlockIo, bfq: bool) -> Vec<Write> {
    let name = |file: &str| {
        if bfq {
            format!("blkio.bfq.{file}")
        } else {
            format!("blkio.{file}")
        }
    };
    let mut writes = Vec::new();
    writes.extend(
        io.weight
            .map(|weight| Write::new(WEIGHT, name("weight"), weight)),
    );
    writes.extend(
        io.leaf_weight
            .filter(|_| !bfq)
            .map(|weight| Write::new(WEIGHT, name("leaf_weight"), weight)),
    );
    writes.extend(device_weights(io).map(|(device, weight)| {
        Write::new(
            WEIGHT_DEVICE,
            name("weight_device"),
            format!("{device} {weight}"),
        )
    }));
    for (devices, step, file, _) in throttles(io) {
        writes.extend(devices.iter().map(|device| {
            Write::new(
                step,
                file,
                format!("{}:{} {}", device.major, device.minor, device.rate),
            )
        }));
    }
    writes
}

fn v2(io: &BlockIo, bfq: bool) -> Vec<Write> {
    let file = if bfq { "io.bfq.weight" } else { "io.weight" };
    let scale = |weight: u16| if bfq { weight } else { weight_v2(weight) };
    let mut writes = Vec::new();
    writes.extend(
        io.weight
            .map(|weight| Write::new(WEIGHT, file, format!("default {}", scale(weight)))),
    );
    writes.extend(device_weights(io).map(|(device, weight)| {
        Write::new(WEIGHT_DEVICE, file, format!("{device} {}", scale(weight)))
    }));
    for (devices, step, _, key) in throttles(io) {
        writes.extend(devices.iter().map(|device| {
            let rate = if device.rate == 0 {
                "max".to_owned()
            } else {
                device.rate.to_string()
            };
            Write::new(
                step,
                "io.max",
                format!("{}:{} {key}={rate}", device.major, device.minor),
            )
        }));
    }
    writes
}

fn device_weights(io: &BlockIo) -> impl Iterator<Item = (String, u16)> {
    let one = |device: &WeightDevice| {
        Some((format!("{}:{}", device.major, device.minor), device.weight?))
    };
    io.weight_device.iter().filter_map(one)
}

/// 10..=1000 to 1..=10000, linearly.
pub fn weight_v2(weight: u16) -> u16 {
    let scaled = 1 + (u32::from(weight).max(10) - 10) * 9999 / 990;
    u16::try_from(scaled).unwrap_or(10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(rate: u64) -> BlockIo {
        let device = ThrottleDevice {
            major: 8,
            minor: 16,
            rate,
        };
        BlockIo {
            weight: Some(500),
            throttle_write_iops_device: vec![device],
            ..BlockIo::default()
        }
    }

    fn shown(writes: Vec<Write>) -> Vec<String> {
        writes
            .into_iter()
            .map(|write| format!("{} = {}", write.file, write.value))
            .collect()
    }

    #[test]
    fn v1_writes_one_throttle_file_for_each_kind() {
        assert_eq!(
            shown(v1(&throttle(600), true)),
            [
                "blkio.bfq.weight = 500",
                "blkio.throttle.write_iops_device = 8:16 600"
            ]
        );
        assert_eq!(shown(v1(&throttle(0), false))[0], "blkio.weight = 500");
    }

    #[test]
    fn v2_writes_keys_of_io_max_and_scales_the_weight() {
        assert_eq!(
            shown(v2(&throttle(600), false)),
            ["io.weight = default 4950", "io.max = 8:16 wiops=600"]
        );
        assert_eq!(
            shown(v2(&throttle(0), true)),
            ["io.bfq.weight = default 500", "io.max = 8:16 wiops=max"]
        );
        assert_eq!((weight_v2(10), weight_v2(1000)), (1, 10_000));
    }
}
