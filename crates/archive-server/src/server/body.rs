//! Streams bodies block by block. A fault can cut, stall or slow them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures::stream;

use super::fault::FaultKind;

const BLOCK_BYTES: u64 = 64 << 10;
/// The pause lets the client receive everything that was sent before a cut.
const PAUSE_BEFORE_CUT: Duration = Duration::from_millis(50);

pub(crate) fn body(file: Arc<File>, range: Range<u64>, fault: Option<&FaultKind>) -> Body {
    let length = range.end - range.start;
    let (mut pause, mut end, mut then) = (Duration::ZERO, range.end, AtEnd::Done);
    match fault {
        Some(FaultKind::Slow(millis)) => pause = *millis,
        Some(FaultKind::Cut(bytes)) if *bytes < length => (end, then) = (range.start + bytes, AtEnd::Cut),
        Some(FaultKind::Stall(bytes)) if *bytes < length => (end, then) = (range.start + bytes, AtEnd::Stall),
        _ => {}
    }
    Body::from_stream(stream::try_unfold(range.start, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at == end {
                return then.reach().await;
            }
            tokio::time::sleep(pause).await;
            let until = end.min(at + BLOCK_BYTES);
            let block = read(file, at..until).await?;
            Ok(Some((block, until)))
        }
    }))
}

/// The action after the last byte.
#[derive(Clone, Copy)]
enum AtEnd {
    Done,
    Cut,
    Stall,
}

impl AtEnd {
    async fn reach(self) -> io::Result<Option<(Vec<u8>, u64)>> {
        match self {
            Self::Done => Ok(None),
            Self::Stall => std::future::pending().await,
            Self::Cut => {
                tokio::time::sleep(PAUSE_BEFORE_CUT).await;
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "injected fault"))
            }
        }
    }
}

async fn read(file: Arc<File>, range: Range<u64>) -> io::Result<Vec<u8>> {
    let read = move || {
        let mut block = vec![0; usize::try_from(range.end - range.start).expect("a block is small")];
        file.read_exact_at(&mut block, range.start)?;
        Ok(block)
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
