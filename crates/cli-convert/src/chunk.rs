//! One chunk becomes its files.

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

/// What every conversion of a run shares.
#[derive(Clone, Copy)]
pub(crate) struct RunContext<'a> {
    pub(crate) settings: &'a ConvertSettings,
    pub(crate) staging: &'a Staging,
    pub(crate) progress: &'a ConvertProgress,
}

/// A chunk's files.
pub(crate) struct ChunkFiles {
    pub(crate) number: u32,
    pub(crate) converted: ConvertedChunk,
    pub(crate) parquet: PathBuf,
    pub(crate) parquet_bytes: u64,
}

impl RunContext<'_> {
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
}
