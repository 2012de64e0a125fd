//! Sparse files: where the stored data belongs, in GNU's old format and in pax versions 0.0 to 1.0.

use crate::unpack::header::{Header, number};
use crate::unpack::pax::PaxSparse;
use crate::unpack::stream::Block;

/// Most pieces of one file; bounds the memory that a map takes.
const MAX_SEGMENTS: usize = 1 << 20;

/// A file with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sparse {
    /// Offset in the file and length of each stored piece, ascending.
    pub segments: Vec<(u64, u64)>,
    /// The file's size with its holes.
    pub size: u64,
}

/// Why a map cannot be used.
type Problem = String;

impl Sparse {
    /// Checks that the pieces ascend, fit the file and take exactly `stored` bytes of the archive.
    fn check(self, stored: u64) -> Result<Self, Problem> {
        let mut end = 0;
        let mut sum: u64 = 0;
        for (offset, length) in &self.segments {
            let next = offset
                .checked_add(*length)
                .filter(|next| *offset >= end && *next <= self.size);
            end = next.ok_or("its map of holes has pieces that overlap or lie outside of it")?;
            sum = sum.saturating_add(*length);
        }
        match sum == stored && i64::try_from(self.size).is_ok() {
            true => Ok(self),
            false => Err(format!(
                "its map of holes describes {sum} bytes, {stored} are stored"
            )),
        }
    }
}

/// The map of an old GNU header (type S); `more` gives the blocks that continue it.
pub fn old_gnu(
    header: &Header,
    stored: u64,
    mut more: impl FnMut() -> Result<Block, Problem>,
) -> Result<Sparse, Problem> {
    let mut segments = Vec::new();
    let size = u64::try_from(header.real_size()?).map_err(|_| "its real size is negative")?;
    let mut continued = pairs(header.0, 386, 4, &mut segments)?;
    while continued {
        if segments.len() > MAX_SEGMENTS {
            return Err(too_many());
        }
        continued = pairs(&more()?, 0, 21, &mut segments)?;
    }
    Sparse { segments, size }.check(stored)
}

/// Reads `count` pairs of 12-byte numbers and the byte behind them: does another block follow?
fn pairs(
    block: &Block,
    at: usize,
    count: usize,
    segments: &mut Vec<(u64, u64)>,
) -> Result<bool, Problem> {
    let fields = block.get(at..at + count * 24).unwrap_or_default();
    for pair in fields.chunks_exact(24) {
        let (offset, length) = pair.split_at(12);
        if length.first() == Some(&0) {
            break;
        }
        let value = |field| number(field).and_then(|value| u64::try_from(value).ok());
        segments.push(
            value(offset)
                .zip(value(length))
                .ok_or("its map of holes is damaged")?,
        );
    }
    Ok(block.get(at + count * 24).is_some_and(|flag| *flag != 0))
}

/// The map in pax records 0.0 and 0.1; none when they have none.
pub fn pax_0(records: &PaxSparse, stored: u64) -> Result<Option<Sparse>, Problem> {
    let (Some(map), None | Some(0)) = (&records.map, records.major) else {
        return Ok(None);
    };
    let size = records
        .real_size
        .ok_or("its map of holes comes without a size")?;
    if map.len() % 2 != 0 || map.len() / 2 > MAX_SEGMENTS {
        return Err("its map of holes is damaged".into());
    }
    let segments = map
        .chunks_exact(2)
        .filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
        .collect();
    Sparse { segments, size }.check(stored).map(Some)
}

/// True when the map stands in front of the data (version 1.0).
pub fn is_pax_1(records: &PaxSparse) -> Result<bool, Problem> {
    match (records.major, records.minor) {
        (None | Some(0), _) => Ok(false),
        (Some(1), None | Some(0)) => Ok(true),
        (Some(major), minor) => Err(format!(
            "it is sparse in version {major}.{}, which is not known",
            minor.unwrap_or(0)
        )),
    }
}

/// Reads the map of version 1.0 from the first blocks of the `stored` bytes. Gives the map; the
/// data that is left are the rest of the stored bytes.
pub fn pax_1(
    records: &PaxSparse,
    stored: u64,
    mut block: impl FnMut() -> Result<Block, Problem>,
) -> Result<Sparse, Problem> {
    let size = records
        .real_size
        .ok_or("its map of holes comes without a size")?;
    let mut numbers = Numbers::default();
    let mut read = 0_u64;
    while !numbers.complete()? {
        read += 512;
        if read > stored {
            return Err("its map of holes is longer than its data".into());
        }
        numbers.feed(&block()?)?;
    }
    let segments = numbers.values.get(1..).unwrap_or_default();
    let segments = segments
        .chunks_exact(2)
        .filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
        .collect();
    Sparse { segments, size }.check(stored - read)
}

/// Decimal lines: how many pairs, then the pairs.
#[derive(Default)]
struct Numbers {
    values: Vec<u64>,
    current: Option<u64>,
}

impl Numbers {
    fn complete(&self) -> Result<bool, Problem> {
        match self.values.first() {
            None => Ok(false),
            Some(count) if *count > MAX_SEGMENTS as u64 => Err(too_many()),
            Some(count) => Ok(self.values.len() as u64 > count * 2),
        }
    }

    fn feed(&mut self, block: &Block) -> Result<(), Problem> {
        for byte in block {
            if self.complete()? {
                break;
            }
            match byte {
                b'0'..=b'9' => {
                    let value = self.current.unwrap_or(0).checked_mul(10);
                    self.current =
                        value.and_then(|value| value.checked_add(u64::from(byte - b'0')));
                    self.current.ok_or("its map of holes is damaged")?;
                }
                b'\n' => self
                    .values
                    .push(self.current.take().ok_or("its map of holes is damaged")?),
                _ => return Err("its map of holes is damaged".into()),
            }
        }
        Ok(())
    }
}

fn too_many() -> Problem {
    format!("it has more than {MAX_SEGMENTS} holes")
}
