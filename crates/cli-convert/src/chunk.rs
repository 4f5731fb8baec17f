//! Converts one chunk to its files.

use std::io::BufRead;
use std::path::PathBuf;

use convert::{ChunkConverter, ChunkSpec, ConvertError, ConvertOutput, ConvertedChunk};
use gzip_plan::ChunkStart;
use pipeline::keys;

use crate::arguments::ConvertSettings;
use crate::error::FileError;
use crate::output_file::OutputFile;
use crate::progress::ConvertProgress;
use crate::staging::{StagedHour, Staging};

/// The parts that all conversions of a run share.
#[derive(Clone, Copy)]
pub(crate) struct RunContext<'a> {
    pub(crate) settings: &'a ConvertSettings,
    pub(crate) staging: &'a Staging,
    pub(crate) progress: &'a ConvertProgress,
}

pub(crate) struct ChunkFiles {
    pub(crate) number: u32,
    pub(crate) converted: ConvertedChunk,
    pub(crate) parquet: PathBuf,
    pub(crate) parquet_bytes: u64,
}

impl RunContext<'_> {
    /// Converts the text of one chunk.
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
        // Files that will be joined are not published.
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
}

/// The number of the chunk after `done` chunks.
///
/// # Panics
///
/// After 2³² chunks, more than the lines of any file that an hour can have.
pub(crate) fn chunk_number(done: usize) -> u32 {
    u32::try_from(done).expect("an hour has fewer than 2^32 chunks")
}
