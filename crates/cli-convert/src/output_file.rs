//! Files of a staged hour.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use crate::staging::Staging;

/// A file that is created by the first write.
pub(crate) struct OutputFile<'a> {
    staging: &'a Staging,
    pub(crate) path: PathBuf,
    file: Option<BufWriter<File>>,
    pub(crate) bytes: u64,
}

impl<'a> OutputFile<'a> {
    pub(crate) fn new(staging: &'a Staging, path: PathBuf) -> Self {
        Self { staging, path, file: None, bytes: 0 }
    }

    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |mut file| file.flush())
    }
}

impl Write for OutputFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::with_capacity(64 << 10, self.staging.create(&self.path)?)),
        };
        let written = file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
