//! Reads a file, and identifies it by its first bytes.

use std::io::{self, Read};

use crate::{
    error::{PlanError, TextError},
    magic,
};

/// The bytes of the file that are read at a time: few enough that the history mostly still holds their text.
pub(super) const READ_BYTES: usize = 32 * 1024;

/// When a file that is not compressed is read as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainText {
    /// If it begins like JSON.
    IfJson,
    /// Unless it begins like XML or HTML.
    UnlessMarkup,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Unknown,
    Gzip,
    Plain,
}

/// The file and its last bytes.
pub(super) struct InputFile<R> {
    reader: R,
    buffer: Box<[u8]>,
    filled: usize,
    /// The offset in the file after the buffer.
    offset: u64,
    plain_text: PlainText,
    kind: FileKind,
}

impl<R: Read> InputFile<R> {
    pub(super) fn new(reader: R, plain_text: PlainText) -> Self {
        Self { reader, buffer: vec![0; READ_BYTES].into(), filled: 0, offset: 0, plain_text, kind: FileKind::Unknown }
    }

    pub(super) fn reader(&self) -> &R {
        &self.reader
    }

    pub(super) fn kind(&self) -> FileKind {
        self.kind
    }

    /// The bytes of the last read; empty at the end of the file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Reads the next bytes. The first read fills the buffer if the file is long enough, and sets the kind of the file.
    pub(super) fn read(&mut self) -> Result<(), TextError> {
        self.filled = 0;
        loop {
            let length = self.read_once()?;
            let is_complete = length == 0 || self.filled == self.buffer.len() || self.kind != FileKind::Unknown;
            if is_complete {
                break;
            }
        }
        if self.kind == FileKind::Unknown {
            self.kind = kind(self.bytes(), self.plain_text)?;
        }
        Ok(())
    }

    /// Appends the bytes of one read to the buffer. Returns their number.
    fn read_once(&mut self) -> Result<usize, TextError> {
        loop {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Ok(length) => {
                    self.filled += length;
                    self.offset += length as u64;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(TextError::Read { offset: self.offset, source }),
            }
        }
    }
}

/// The kind of a file with these first bytes.
fn kind(head: &[u8], plain_text: PlainText) -> Result<FileKind, PlanError> {
    if head.is_empty() || head.starts_with(&magic::GZIP[..head.len().min(magic::GZIP.len())]) {
        return Ok(FileKind::Gzip);
    }
    match magic::not_gzip(&head[..head.len().min(magic::HEAD_BYTES)]) {
        PlanError::NotGzip { kind: "JSON", .. } => Ok(FileKind::Plain),
        PlanError::NotGzip { kind: "something else", .. } if plain_text == PlainText::UnlessMarkup => {
            Ok(FileKind::Plain)
        }
        error => Err(error),
    }
}
