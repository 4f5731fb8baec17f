//! A range of the text of a gzip file.

use std::ops::Range;

use aws_client::s3::{Bucket, PipeReader};
use bytes::Bytes;
use csv_load::plan::MAX_PLAN_BYTES;
use csv_load::{LoadPlan, keys};
use gzip_plan::{Chunk, ChunkError, ChunkReader, GzipPlan};

use crate::LoadCsvChunkError;

/// The compressed bytes of a text range, and the window that inflation starts with.
pub(crate) struct GzipRange {
    gzip: GzipPlan,
    chunk: Chunk,
    window: Option<Bytes>,
}

impl GzipRange {
    /// Finds the range `text` in the file of a load, for chunk `number`.
    pub(crate) async fn find(
        plan: &LoadPlan,
        number: u32,
        text: Range<u64>,
        bucket: &Bucket,
    ) -> Result<Self, LoadCsvChunkError> {
        let load_id = plan.load_id;
        let failed = |source| LoadCsvChunkError::Plan { load_id, source };
        let gzip: GzipPlan = bucket.document(&keys::gzip_plan(load_id), MAX_PLAN_BYTES).await.map_err(failed)?;
        let Some(chunk) = gzip.stretch(text) else {
            let source = ChunkError::NoSuchChunk { chunk: number, chunks: gzip.chunks.len() };
            return Err(LoadCsvChunkError::Inflate { chunk: number, address: plan.source.address(), source });
        };
        let point = gzip.access_points.get(chunk.access_point as usize);
        let window = match point.and_then(|point| point.window).filter(|window| window.length > 0) {
            None => None,
            Some(window) => {
                let length = u64::from(window.length);
                let range = window.offset..window.offset + length;
                let object = bucket.read_range(&keys::gzip_windows(load_id), range, None).await;
                let object = object.map_err(|source| failed(source.into()))?;
                Some(object.whole(length).await.map_err(|source| failed(source.into()))?)
            }
        };
        Ok(Self { gzip, chunk, window })
    }

    /// Returns the byte range in the file.
    pub(crate) fn range(&self) -> Range<u64> {
        self.chunk.compressed_start..self.chunk.compressed_end
    }

    /// Inflates the text from these bytes.
    pub(crate) fn inflate(
        &self,
        bytes: PipeReader,
        plan: &LoadPlan,
        number: u32,
    ) -> Result<ChunkReader<PipeReader>, LoadCsvChunkError> {
        let reader = ChunkReader::of(bytes, &self.gzip, &self.chunk, number, self.window.as_deref());
        reader.map_err(|source| LoadCsvChunkError::Inflate { chunk: number, address: plan.source.address(), source })
    }
}
