//! Entries: a header joined with the extended headers in front of it, checked.

use crate::error::{Error, Result};
use crate::unpack::header::Header;
use crate::unpack::name::{Name, show};
use crate::unpack::pax::Pax;
use crate::unpack::sparse::{self, Sparse};
use crate::unpack::stream::{Block, Stream, padding};

/// Longest extended header in bytes: room for large attributes and maps of holes.
const MAX_EXTENDED: u64 = 8 << 20;
/// Longest GNU long name in bytes; longer ones could not be made anyway.
const MAX_LONG_NAME: u64 = 64 << 10;

/// A part of an entry, or what is wrong with the entry.
type Checked<T> = std::result::Result<T, String>;

/// One thing to place in the tree.
#[derive(Debug)]
pub struct Entry {
    /// Where its header starts in the decompressed archive.
    pub offset: u64,
    pub name: Name,
    pub kind: Kind,
    /// Permission, setuid, setgid and sticky bits.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Debug)]
pub enum Kind {
    /// With the bytes that are stored for it.
    File {
        stored: u64,
        sparse: Option<Sparse>,
    },
    Directory,
    /// The target as it stands in the archive.
    Symlink(Vec<u8>),
    Hardlink(Name),
    Device {
        block: bool,
        major: u32,
        minor: u32,
    },
    Fifo,
}

impl Entry {
    /// `problem` with this entry's name and place.
    pub fn error(&self, problem: impl Into<String>) -> Error {
        fault(self.name.bytes(), self.offset, problem)
    }

    /// Name and place, for errors of system calls.
    pub fn subject(&self) -> String {
        subject(self.name.bytes(), self.offset)
    }
}

/// Reads entry after entry; what the caller leaves of a file's data is skipped.
pub struct Entries {
    stream: Stream,
    ending: Ending,
    global: Pax,
    /// Data and padding of the current entry that were not read yet.
    left: u64,
    padding: u64,
    current: (Vec<u8>, u64),
}

/// What the end of the stream must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The two zero blocks, and only zeros behind: what is cut off must not pass for complete.
    Marked,
    /// As it comes: the whole stream's digest is known.
    Any,
}

/// What extended headers said before the header itself.
#[derive(Default)]
struct Before {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Entries {
    pub fn new(stream: Stream, ending: Ending) -> Self {
        Self {
            stream,
            ending,
            global: Pax::default(),
            left: 0,
            padding: 0,
            current: (Vec::new(), 0),
        }
    }

    /// The next entry; none at the end of the archive, all of which was read then.
    pub fn next(&mut self) -> Result<Option<Entry>> {
        self.stream
            .skip(self.left)
            .and_then(|()| self.stream.skip(self.padding))
            .map_err(|error| self.inside(error))?;
        (self.left, self.padding) = (0, 0);
        let mut before = Before::default();
        let start = self.stream.position;
        loop {
            let offset = self.stream.position;
            let Some(block) = self.stream.block()? else {
                return match self.ending {
                    Ending::Any if start == offset => Ok(None),
                    _ => Err(self.no_end()),
                };
            };
            let header = Header(&block);
            if header.is_zero() {
                return self.end(offset, start == offset);
            }
            if !header.checksum_fits() {
                return Err(self.bad_checksum(offset));
            }
            if let Some(entry) = self.header(&header, offset, &mut before)? {
                self.current = (entry.name.bytes().to_vec(), entry.offset);
                return Ok(Some(entry));
            }
        }
    }

    /// The next piece of the current file's data; empty at its end.
    pub fn data(&mut self) -> Result<&[u8]> {
        let piece = self.stream.piece(self.left);
        match piece {
            Ok([]) if self.left > 0 => Err(self.inside(self.stream.truncated())),
            Ok(_) => self.stream.piece(self.left),
            Err(error) => Err(self.inside(error)),
        }
    }

    /// Goes on by `count` bytes of the last piece.
    pub fn consume(&mut self, count: usize) -> Result<()> {
        self.left -= count as u64;
        self.stream
            .consume(count)
            .map_err(|error| self.inside(error))
    }

    /// An extended header is kept in `before`; anything else is the entry.
    fn header(
        &mut self,
        header: &Header,
        offset: u64,
        before: &mut Before,
    ) -> Result<Option<Entry>> {
        let raw_name = header.name();
        let fail = |problem: String| fault(&raw_name, offset, problem);
        let size = header
            .size()
            .and_then(|size| u64::try_from(size).map_err(|_| "its size is negative".into()));
        let size = size.map_err(fail)?;
        let kind = header.kind();
        let limit = if matches!(kind, b'L' | b'K') {
            MAX_LONG_NAME
        } else {
            MAX_EXTENDED
        };
        if matches!(kind, b'x' | b'X' | b'g' | b'L' | b'K') && size > limit {
            return Err(fail(format!(
                "its extended header has {size} bytes, {limit} are possible"
            )));
        }
        match kind {
            b'x' | b'X' => {
                let mut pax = before.pax.take().unwrap_or_else(|| self.global.clone());
                pax.read(&self.stream.text(size)?).map_err(fail)?;
                before.pax = Some(pax);
            }
            b'g' => self.global.read(&self.stream.text(size)?).map_err(fail)?,
            b'L' => before.long_name = Some(until_nul(self.stream.text(size)?)),
            b'K' => before.long_link = Some(until_nul(self.stream.text(size)?)),
            // The name of a volume or of the archive: nothing to place.
            b'V' => self.stream.skip(size + padding(size))?,
            _ => return self.entry(header, offset, std::mem::take(before)).map(Some),
        }
        Ok(None)
    }

    fn entry(&mut self, header: &Header, offset: u64, before: Before) -> Result<Entry> {
        let mut pax = before.pax.unwrap_or_else(|| self.global.clone());
        let sparse_name = pax.sparse.name.take();
        let raw = sparse_name
            .or(pax.path.take())
            .or(before.long_name)
            .unwrap_or_else(|| header.name());
        let fail = |problem: String| fault(&raw, offset, problem);
        let name = Name::parse(&raw).map_err(fail)?;
        let link = pax
            .link
            .take()
            .or(before.long_link)
            .unwrap_or_else(|| header.link().to_vec());
        let size = match pax.size {
            Some(size) => size,
            None => header
                .size()
                .map_err(fail)?
                .try_into()
                .map_err(|_| fail("its size is negative".into()))?,
        };
        if i64::try_from(size).is_err() {
            return Err(fail(format!("its size {size} is not possible")));
        }
        let id = |given: Option<u64>, field: Checked<i64>, what| match given {
            Some(id) => Ok(id),
            None => field
                .and_then(|id| u64::try_from(id).map_err(|_| format!("its {what} is negative"))),
        };
        let uid = id(pax.uid, header.uid(), "uid").map_err(fail)?;
        let gid = id(pax.gid, header.gid(), "gid").map_err(fail)?;
        let mode = (header.mode().map_err(fail)? & 0o7777) as u32;
        let mtime = pax
            .mtime
            .map_or_else(|| header.mtime().map(|seconds| (seconds, 0)), Ok)
            .map_err(fail)?;
        let kind = self
            .kind(header, size, &pax, (raw.ends_with(b"/"), link))
            .map_err(fail)?;
        Ok(Entry {
            offset,
            name,
            kind,
            mode,
            uid,
            gid,
            mtime,
            xattrs: pax.xattrs,
        })
    }

    /// Only files have data behind their header: for all other types a size means nothing, as
    /// GNU tar has it.
    fn kind(
        &mut self,
        header: &Header,
        size: u64,
        pax: &Pax,
        (slash, link): (bool, Vec<u8>),
    ) -> Checked<Kind> {
        match header.kind() {
            // Programs without a type for directories end their names with a slash.
            b'0' | b'7' | 0 if slash && size > 0 => {
                Err("its name is a directory's, but it has data".into())
            }
            b'0' | b'7' | 0 if slash => Ok(Kind::Directory),
            b'0' | b'7' | 0 => self.file(size, pax),
            b'S' => self.old_sparse(header, size),
            b'1' => Name::parse(&link)
                .map(Kind::Hardlink)
                .map_err(|problem| format!("as a link's target, {problem}")),
            b'2' => target(link).map(Kind::Symlink),
            b'3' => device(header, false),
            b'4' => device(header, true),
            b'5' => Ok(Kind::Directory),
            b'6' => Ok(Kind::Fifo),
            // A directory with a list of its files, from GNU's incremental backups.
            b'D' => {
                (self.left, self.padding) = (size, padding(size));
                Ok(Kind::Directory)
            }
            b'M' => Err("it is continued from another volume, which is not supported".into()),
            other => Err(format!("its type `{}` is not known", show(&[other]))),
        }
    }

    fn file(&mut self, size: u64, pax: &Pax) -> Checked<Kind> {
        (self.left, self.padding) = (size, padding(size));
        let start = self.stream.position;
        let sparse = match sparse::is_pax_1(&pax.sparse)? {
            true => Some(sparse::pax_1(&pax.sparse, size, || {
                required(&mut self.stream)
            })?),
            false => sparse::pax_0(&pax.sparse, size)?,
        };
        self.left -= self.stream.position - start;
        Ok(Kind::File {
            stored: self.left,
            sparse,
        })
    }

    fn old_sparse(&mut self, header: &Header, size: u64) -> Checked<Kind> {
        let sparse = sparse::old_gnu(header, size, || required(&mut self.stream))?;
        (self.left, self.padding) = (size, padding(size));
        Ok(Kind::File {
            stored: size,
            sparse: Some(sparse),
        })
    }

    /// After the first zero block only zeros may come.
    fn end(&mut self, offset: u64, alone: bool) -> Result<Option<Entry>> {
        if !alone {
            return Err(fault(
                &self.current.0,
                offset,
                "an extended header stands at the end, without its entry",
            ));
        }
        loop {
            let piece = self.stream.piece(u64::MAX)?;
            let length = piece.len();
            if self.ending == Ending::Marked
                && let Some(other) = piece.iter().position(|byte| *byte != 0)
            {
                let place = format!("archive, byte {}", self.stream.position + other as u64);
                return Err(Error::new(
                    "unpack",
                    place,
                    "there is data behind the end of the archive",
                )
                .hint("it is damaged, or several archives were joined"));
            }
            if length == 0 {
                return Ok(None);
            }
            self.stream.consume(length)?;
        }
    }

    fn no_end(&self) -> Error {
        if self.stream.position == 0 {
            return Error::new("read archive", "", "it is empty");
        }
        Error::new(
            "unpack",
            format!("archive, byte {}", self.stream.position),
            "it ends without the mark of its end",
        )
        .hint("the archive is incomplete: fetch it again")
    }

    fn bad_checksum(&self, offset: u64) -> Error {
        if offset == 0 {
            return Error::new("unpack", "archive", "it is not a tar archive")
                .hint("use a tar archive, plain or compressed with gzip, zstd or xz");
        }
        let after = format!("archive, byte {offset}, behind {}", show(&self.current.0));
        Error::new("unpack", after, "the header's checksum is wrong")
            .hint("the archive is damaged: fetch it again")
    }

    /// An error of the stream, with the entry in which it came.
    fn inside(&self, error: Error) -> Error {
        match error.subject.is_empty() || error.subject.starts_with("archive") {
            true => Error {
                subject: subject(&self.current.0, self.current.1),
                ..error
            },
            false => error,
        }
    }
}

fn required(stream: &mut Stream) -> Checked<Block> {
    match stream.block() {
        Ok(Some(block)) => Ok(block),
        Ok(None) => Err(format!(
            "the archive ends inside of its header, at byte {}",
            stream.position
        )),
        Err(error) => Err(error.reason),
    }
}

fn target(link: Vec<u8>) -> Checked<Vec<u8>> {
    match link.len() {
        0 => Err("it is a symbolic link without a target".into()),
        1..=4095 if link.contains(&0) => Err("its target holds a NUL byte".into()),
        1..=4095 => Ok(link),
        length => Err(format!("its target has {length} bytes, 4095 are possible")),
    }
}

/// Twelve bits of major and twenty of minor number, as the kernel has them.
fn device(header: &Header, block: bool) -> Checked<Kind> {
    let (major, minor) = header.device()?;
    match (u32::try_from(major), u32::try_from(minor)) {
        (Ok(major @ 0..0x1000), Ok(minor @ 0..0x10_0000)) => Ok(Kind::Device {
            block,
            major,
            minor,
        }),
        _ => Err(format!("its device number {major}:{minor} is not possible")),
    }
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(end) = text.iter().position(|byte| *byte == 0) {
        text.truncate(end);
    }
    text
}

fn subject(name: &[u8], offset: u64) -> String {
    let mut shown = show(name);
    if let Some((cut, _)) = shown.char_indices().nth(300) {
        shown.truncate(cut);
        shown.push('…');
    }
    format!("{shown}, byte {offset}")
}

fn fault(name: &[u8], offset: u64, problem: impl Into<String>) -> Error {
    Error::new("unpack", subject(name, offset), problem)
}
