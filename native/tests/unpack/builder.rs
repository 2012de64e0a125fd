//! A tar writer with control of every byte.

/// An archive in the making.
#[derive(Default, Clone)]
pub struct Tar {
    pub bytes: Vec<u8>,
}

/// One header block; any field can be overwritten before it is sealed with its checksum.
#[derive(Clone)]
pub struct Header {
    pub block: [u8; 512],
    sum: bool,
}

impl Header {
    /// A ustar header of that type, mode 0644, owner 0:0, time 1000.
    pub fn new(kind: u8, name: &str) -> Self {
        let header = Self {
            block: [0; 512],
            sum: true,
        };
        header
            .put(0, name.as_bytes())
            .mode(0o644)
            .owner(0, 0)
            .size(0)
            .mtime(1000)
            .put(156, &[kind])
            .put(257, b"ustar\x0000")
    }

    pub fn mode(self, mode: u32) -> Self {
        self.put(100, format!("{mode:07o}\0").as_bytes())
    }

    pub fn owner(self, uid: u32, gid: u32) -> Self {
        self.put(108, format!("{uid:07o}\0{gid:07o}\0").as_bytes())
    }

    pub fn size(self, size: u64) -> Self {
        self.put(124, format!("{size:011o}\0").as_bytes())
    }

    pub fn mtime(self, mtime: u64) -> Self {
        self.put(136, format!("{mtime:011o}\0").as_bytes())
    }

    pub fn link(self, target: &str) -> Self {
        self.put(157, target.as_bytes())
    }

    pub fn device(self, major: u32, minor: u32) -> Self {
        self.put(329, format!("{major:07o}\0{minor:07o}\0").as_bytes())
    }

    pub fn gnu(self) -> Self {
        self.put(257, b"ustar  \0")
    }

    /// Overwrites bytes of the block.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.block[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Leaves a checksum of zero.
    pub fn without_checksum(mut self) -> Self {
        self.sum = false;
        self
    }

    fn sealed(&self) -> [u8; 512] {
        let mut block = self.block;
        block[148..156].fill(b' ');
        let sum: u32 = if self.sum {
            block.iter().map(|byte| u32::from(*byte)).sum()
        } else {
            0
        };
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    /// A header as it is and data padded to a block.
    pub fn raw(mut self, header: &Header, data: &[u8]) -> Self {
        self.bytes.extend(header.sealed());
        self.data(data)
    }

    pub fn data(mut self, data: &[u8]) -> Self {
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        self.raw(
            &Header::new(b'0', name).size(content.len() as u64),
            content.as_bytes(),
        )
    }

    pub fn dir(self, name: &str) -> Self {
        self.raw(&Header::new(b'5', name).mode(0o755), b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.raw(&Header::new(b'2', name).mode(0o777).link(target), b"")
    }

    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.raw(&Header::new(b'1', name).link(target), b"")
    }

    /// An extended header (`x`, or `g` for all that follow) with these records.
    pub fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let text: Vec<u8> = records
            .iter()
            .flat_map(|(key, value)| record(key, value))
            .collect();
        self.raw(&Header::new(kind, "pax").size(text.len() as u64), &text)
    }

    /// A GNU long name (`L`) or long link (`K`).
    pub fn long(self, kind: u8, text: &[u8]) -> Self {
        let text = [text, b"\0"].concat();
        self.raw(
            &Header::new(kind, "././@LongLink")
                .gnu()
                .size(text.len() as u64),
            &text,
        )
    }

    /// The two zero blocks.
    pub fn end(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = [key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = body.len() + 2;
    while length != body.len() + 1 + length.to_string().len() {
        length = body.len() + 1 + length.to_string().len();
    }
    [format!("{length} ").as_bytes(), &body].concat()
}
