//! Converts one input to the files of its hour.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use convert::ChunkConverter;
use gzip_plan::TextChunks;
use pipeline::keys;
use pipeline::receipt::RecordCounts;

use crate::chunk::{ChunkFiles, RunContext, chunk_number};
use crate::error::FileError;
use crate::inputs::HourInput;
use crate::output_file::OutputFile;
use crate::staging::StagedHour;
use crate::text::{ChunkEnd, ChunkTexts};
use crate::{join, source, workers};

/// The result of an hour.
#[derive(Debug, Default)]
pub(crate) struct ConvertedHour {
    pub(crate) counts: RecordCounts,
    pub(crate) types: BTreeMap<String, u64>,
    /// Compressed bytes that were read.
    pub(crate) input_bytes: u64,
    pub(crate) parquet_bytes: u64,
    /// Number of Parquet files.
    pub(crate) objects: u32,
    /// Number of quarantine files.
    pub(crate) quarantine_objects: u32,
    /// Folder of the Parquet files.
    pub(crate) folder: PathBuf,
}

impl ConvertedHour {
    /// The sums over several hours.
    pub(crate) fn total(hours: &[&Self]) -> Self {
        let mut total = Self::default();
        for hour in hours {
            total.counts.add(&hour.counts);
            total.input_bytes += hour.input_bytes;
            total.parquet_bytes += hour.parquet_bytes;
            total.objects += hour.objects;
        }
        total
    }
}

impl RunContext<'_> {
    /// Converts an input with `threads` threads. A failed input leaves no files.
    pub(crate) fn convert(&self, input: &HourInput, threads: usize) -> Result<ConvertedHour, FileError> {
        let result = self.staging.begin(input.hour).and_then(|staged| self.convert_into(input, threads, &staged));
        self.staging.discard(input.hour);
        result
    }

    fn convert_into(&self, input: &HourInput, threads: usize, staged: &StagedHour) -> Result<ConvertedHour, FileError> {
        let opened = source::open(&input.location)?;
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

    /// Inflates and converts in this thread.
    fn convert_chunks<R: Read>(
        &self,
        mut texts: ChunkTexts<R>,
        staged: &StagedHour,
    ) -> Result<Vec<(ChunkFiles, ChunkEnd)>, FileError> {
        let mut chunks = Vec::new();
        let mut converter = ChunkConverter::new();
        while let Some(start) = texts.next_chunk()? {
            let number = chunk_number(chunks.len());
            let files = self.convert_chunk(&mut converter, number, start, &mut texts, staged);
            if let Some(failure) = texts.take_failure() {
                return Err(failure);
            }
            chunks.push((files?, texts.end_chunk()?));
        }
        Ok(chunks)
    }

    fn sum_up(&self, chunks: Vec<(ChunkFiles, ChunkEnd)>, staged: &StagedHour) -> Result<ConvertedHour, FileError> {
        let mut summary = ConvertedHour { folder: self.staging.folder(staged.hour), ..ConvertedHour::default() };
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

    /// Joins the Parquet files and returns the length of the result in bytes.
    fn join(&self, parts: &[PathBuf], staged: &StagedHour) -> Result<u64, FileError> {
        let path = staged.parquet.join(keys::parquet_name(staged.hour, 0, self.settings.codec()));
        let failed = |path: &Path, source| FileError::Output { path: path.to_owned(), source };
        let mut output = OutputFile::new(self.staging, path);
        join::join(parts, &mut output).map_err(|error| error.into_file_error(&output.path))?;
        output.close().map_err(|source| failed(&output.path, source))?;
        Ok(output.bytes)
    }
}
