//! From the archive's bytes to the tar stream: the format by its first bytes, and a thread that
//! decompresses. Memory is bounded whatever the archive asks for.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use zstd::stream::raw::DParameter;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::error::{Context, Error, Result};
use crate::unpack::pipe::{self, Reader};

/// The largest window of a zstd frame, as a power of two: what the zstd command takes without
/// `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;
/// What an xz decoder may use, in KiB: `xz -9` needs 65 MiB.
const XZ_MEMORY_KIB: u32 = 100 * 1024;

/// The tar stream inside of an archive.
pub enum Inflated {
    /// It is the archive itself: their digests are the same.
    Same(Reader),
    Other(Reader),
}

/// The tar stream inside `archive`.
pub fn inflate(mut archive: Reader) -> Result<Inflated> {
    let start = archive
        .fill_buf()
        .map_err(|error| pipe::explain("read archive", error))?;
    match Format::of(start)? {
        Format::Plain => return Ok(Inflated::Same(archive)),
        Format::Gzip => spawn("inflate gzip", Gzip::Between(archive)),
        Format::Zstd => {
            let mut decoder = ZstdDecoder::with_buffer(archive).at("inflate zstd", "")?;
            decoder
                .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
                .at("inflate zstd", "")?;
            spawn("inflate zstd", decoder)
        }
        Format::Xz => spawn(
            "inflate xz",
            XzReader::new_mem_limit(archive, true, XZ_MEMORY_KIB),
        ),
    }
    .map(Inflated::Other)
}

#[derive(Debug, PartialEq, Eq)]
enum Format {
    Plain,
    Gzip,
    Zstd,
    Xz,
}

impl Format {
    fn of(start: &[u8]) -> Result<Self> {
        let refused = |name: &str| {
            Err(
                Error::new("read archive", "", format!("{name} is not supported"))
                    .hint("use a tar archive, plain or compressed with gzip, zstd or xz"),
            )
        };
        match start {
            // An image may have a layer of no bytes; as an archive it has no end mark.
            [] => Ok(Self::Plain),
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => refused("bzip2"),
            [0x04, 0x22, 0x4d, 0x18, ..] => refused("lz4"),
            [b'P', b'K', 3, 4, ..] => refused("a zip archive"),
            _ => Ok(Self::Plain),
        }
    }
}

fn spawn(step: &'static str, mut decoder: impl Read + Send + 'static) -> Result<Reader> {
    let (sender, reader) = pipe::pipe();
    let work = move || {
        // When the reader is gone it has failed itself and nobody waits for more.
        let _ = sender.pump(&mut decoder, |error| hinted(pipe::explain(step, error)));
    };
    std::thread::Builder::new()
        .name("inflate".into())
        .spawn(work)
        .at("start thread", "inflate")?;
    Ok(reader)
}

fn hinted(error: Error) -> Error {
    if error.step == "inflate zstd" && error.reason.contains("too much memory") {
        return error
            .hint("compress it without --long and --ultra: windows above 128 MiB are not read");
    }
    if error.hint.is_none() && error.step.starts_with("inflate") {
        return error.hint("the archive is damaged or incomplete: fetch it again");
    }
    error
}

/// Members one after the other, as gzip has it: zeros behind the last one are padding, anything
/// else is an error.
enum Gzip {
    Between(Reader),
    Inside(Box<GzDecoder<Reader>>),
    Ended,
}

impl Read for Gzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            *self = match std::mem::replace(self, Self::Ended) {
                Self::Ended => return Ok(0),
                Self::Between(mut reader) => match skip_zeros(&mut reader)? {
                    true => Self::Inside(Box::new(GzDecoder::new(reader))),
                    false => Self::Ended,
                },
                Self::Inside(mut decoder) => {
                    let count = decoder.read(into)?;
                    if count > 0 || into.is_empty() {
                        *self = Self::Inside(decoder);
                        return Ok(count);
                    }
                    Self::Between(decoder.into_inner())
                }
            };
        }
    }
}

/// False at the end of the input.
fn skip_zeros(reader: &mut Reader) -> io::Result<bool> {
    loop {
        let buffer = reader.fill_buf()?;
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        match (buffer.is_empty(), zeros < buffer.len()) {
            (true, _) => return Ok(false),
            (_, true) => {
                reader.consume(zeros);
                return Ok(true);
            }
            _ => reader.consume(zeros),
        }
    }
}
