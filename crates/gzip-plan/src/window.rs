//! Windows are stored as zlib streams, whose checksum detects damage.

use zlib_rs::{DeflateConfig, InflateConfig, ReturnCode};

use crate::inflate::WINDOW_BYTES;

/// Deflates a window. The result is the same on every processor.
pub(crate) fn deflate(text: &[u8]) -> Vec<u8> {
    const LEVEL: i32 = 6;
    let mut output = vec![0; zlib_rs::compress_bound(text.len())];
    let (deflated, code) = zlib_rs::compress_slice(&mut output, text, DeflateConfig::new(LEVEL));
    assert_eq!(code, ReturnCode::Ok, "the output has the length of the bound");
    let length = deflated.len();
    output.truncate(length);
    output
}

/// The text of a stored window; `None` if it is damaged or longer than a window can be.
pub(crate) fn inflate(deflated: &[u8]) -> Option<Vec<u8>> {
    let mut output = vec![0; WINDOW_BYTES];
    let (text, code) = zlib_rs::decompress_slice(&mut output, deflated, InflateConfig::default());
    let length = text.len();
    output.truncate(length);
    (code == ReturnCode::Ok).then_some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_round_trips() {
        let noise = |at: u32| at.wrapping_mul(2_654_435_761).rotate_left(11).to_le_bytes()[0];
        let text: Vec<u8> = (0..).map(noise).take(WINDOW_BYTES).collect();
        for length in [1, 2, 1000, WINDOW_BYTES] {
            assert_eq!(inflate(&deflate(&text[..length])).as_deref(), Some(&text[..length]), "{length} bytes");
        }
    }

    #[test]
    fn inflate_damaged_window_is_none() {
        let good = deflate(&[b'x'; 100]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            assert_ne!(inflate(&bad), Some(vec![b'x'; 100]), "byte {at}");
        }
        assert_eq!(inflate(&good[..good.len() - 1]), None, "cut");
        assert_eq!(inflate(&deflate(&vec![0; WINDOW_BYTES + 1])), None, "too long");
    }
}
