//! One input becomes one hour.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use convert::{ChunkConverter, ChunkSpec, ConvertError, ConvertOutput, ConvertedChunk};
use gzip_plan::{ChunkStart, TextChunks};
use pipeline::keys;
use pipeline::receipt::RecordCounts;

use super::arguments::Settings;
use super::error::FileError;
use super::inputs::Input;
use super::progress::Progress;
use super::source;
use super::staging::{StagedHour, Staging};
use super::text::{ChunkEnd, ChunkTexts};
use super::{join, workers};

/// What an hour became.
#[derive(Debug, Default)]
pub(crate) struct HourSummary {
    pub(crate) counts: RecordCounts,
    pub(crate) types: BTreeMap<String, u64>,
    /// Bytes of the input.
    pub(crate) input_bytes: u64,
    pub(crate) parquet_bytes: u64,
    /// Parquet files.
    pub(crate) objects: u32,
    /// Files of bad records.
    pub(crate) quarantine_objects: u32,
    /// Where the Parquet files are.
    pub(crate) folder: PathBuf,
}

/// What every conversion of a run shares.
#[derive(Clone, Copy)]
pub(crate) struct Converter<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) staging: &'a Staging,
    pub(crate) progress: &'a Progress,
}

/// A chunk's files.
pub(crate) struct ChunkFiles {
    pub(crate) number: u32,
    converted: ConvertedChunk,
    parquet: PathBuf,
    parquet_bytes: u64,
}

impl Converter<'_> {
    /// Converts an input with so many threads. If it fails, nothing of it stays.
    pub(crate) fn convert(&self, input: &Input, threads: usize) -> Result<HourSummary, FileError> {
        let result = self.staging.begin(input.hour).and_then(|staged| self.convert_into(input, threads, &staged));
        self.staging.discard(input.hour);
        result
    }

    fn convert_into(&self, input: &Input, threads: usize, staged: &StagedHour) -> Result<HourSummary, FileError> {
        let opened = source::open(&input.place)?;
        let reader = self.progress.count(opened.reader, opened.bytes);
        let input_bytes = reader.count();
        let texts = ChunkTexts::new(TextChunks::new(reader, self.settings.plan, opened.plain_text));
        let chunks = match threads {
            0 | 1 => self.convert_chunks(texts, staged),
            more => workers::convert_chunks(*self, texts, staged, more - 1),
        }?;
        let mut summary = self.sum_up(chunks, staged)?;
        summary.input_bytes = input_bytes.get();
        self.staging.publish(staged)?;
        Ok(summary)
    }

    /// Inflates and converts by turns.
    fn convert_chunks<R: Read>(
        &self,
        mut texts: ChunkTexts<R>,
        staged: &StagedHour,
    ) -> Result<Vec<(ChunkFiles, ChunkEnd)>, FileError> {
        let mut chunks = Vec::new();
        let mut converter = ChunkConverter::new();
        while let Some(start) = texts.next_chunk()? {
            let number = chunks.len() as u32;
            let files = self.convert_chunk(&mut converter, number, start, &mut texts, staged);
            if let Some(failure) = texts.take_failure() {
                return Err(failure);
            }
            chunks.push((files?, texts.end_chunk()?));
        }
        Ok(chunks)
    }

    /// Converts the text of one chunk to its files.
    pub(crate) fn convert_chunk(
        &self,
        converter: &mut ChunkConverter,
        number: u32,
        start: ChunkStart,
        text: impl BufRead,
        staged: &StagedHour,
    ) -> Result<ChunkFiles, FileError> {
        let spec = ChunkSpec {
            first_line: start.first_line,
            first_offset: start.offset,
            duplicate_lines: &[],
            payload: self.settings.payload,
            compression: self.settings.compression,
        };
        // The files of a joined hour are made apart.
        let folder = if self.settings.single_file { &staged.scratch } else { &staged.parquet };
        let name = keys::parquet_name(staged.hour, number, self.settings.codec());
        let mut parquet = OutputFile::new(self.staging, folder.join(name));
        let mut quarantine = OutputFile::new(self.staging, staged.quarantine.join(keys::quarantine_name(number)));
        let converted = match converter.convert(&spec, text, &mut parquet, &mut quarantine) {
            Ok(converted) => converted,
            Err(ConvertError::Read { .. }) => return Err(FileError::Abandoned),
            Err(ConvertError::Write { output: ConvertOutput::Parquet, source }) => {
                return Err(FileError::Output { path: parquet.path, source });
            }
            Err(ConvertError::Write { output: ConvertOutput::Quarantine, source }) => {
                return Err(FileError::Output { path: quarantine.path, source });
            }
        };
        for file in [&mut parquet, &mut quarantine] {
            file.close().map_err(|source| FileError::Output { path: file.path.clone(), source })?;
        }
        self.progress.records(converted.counts.records);
        Ok(ChunkFiles { number, converted, parquet_bytes: parquet.bytes, parquet: parquet.path })
    }

    fn sum_up(&self, chunks: Vec<(ChunkFiles, ChunkEnd)>, staged: &StagedHour) -> Result<HourSummary, FileError> {
        let mut summary = HourSummary { folder: self.staging.folder(staged.hour), ..HourSummary::default() };
        let mut written = Vec::new();
        for (files, end) in chunks {
            let counts = end.complete(files.converted.counts);
            summary.counts.add(&counts.map_err(|reason| FileError::Balance { chunk: files.number, reason })?);
            for (name, rows) in files.converted.types {
                *summary.types.entry(name).or_default() += rows;
            }
            summary.quarantine_objects += u32::from(files.converted.wrote_quarantine);
            if files.converted.wrote_parquet {
                summary.objects += 1;
                summary.parquet_bytes += files.parquet_bytes;
                written.push(files.parquet);
            }
        }
        if self.settings.single_file && !written.is_empty() {
            summary.objects = 1;
            summary.parquet_bytes = self.join(&written, staged)?;
        }
        Ok(summary)
    }

    /// Makes one Parquet file of several, and answers its length.
    fn join(&self, parts: &[PathBuf], staged: &StagedHour) -> Result<u64, FileError> {
        let path = staged.parquet.join(keys::parquet_name(staged.hour, 0, self.settings.codec()));
        let failed = |path: &Path, source| FileError::Output { path: path.to_owned(), source };
        let mut output = OutputFile::new(self.staging, path);
        join::join(parts, &mut output).map_err(|error| error.into_file_error(&output.path))?;
        output.close().map_err(|source| failed(&output.path, source))?;
        Ok(output.bytes)
    }
}

/// A file that is there once something is written to it.
pub(crate) struct OutputFile<'a> {
    staging: &'a Staging,
    path: PathBuf,
    file: Option<BufWriter<File>>,
    bytes: u64,
}

impl<'a> OutputFile<'a> {
    pub(crate) fn new(staging: &'a Staging, path: PathBuf) -> Self {
        Self { staging, path, file: None, bytes: 0 }
    }

    fn close(&mut self) -> io::Result<()> {
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
