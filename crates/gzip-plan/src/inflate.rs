//! Inflating with stops at deflate blocks, from any bit of a stream: a safe wrapper, and the crate's only unsafe code.
//!
//! `zlib-rs` has a safe interface too, but stops at blocks, starts at a bit and windows exist in zlib's C interface alone.
#![allow(unsafe_code)] // See above; each block says why it is sound.

use std::ffi::CStr;

use libz_rs_sys as zlib;

/// Most text that a deflate block can refer back to.
pub(crate) const WINDOW_BYTES: usize = 32 * 1024;

/// What surrounds the deflate stream.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    /// Nothing.
    Raw,
    /// A gzip header and trailer, both checked.
    Gzip,
}

/// Where a step may end before its input or its output does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopAt {
    /// At the end of the stream (of the member) only.
    End,
    /// Also at the end of the gzip header and of every deflate block.
    Blocks,
}

/// What one step did.
pub(crate) struct Step {
    /// Bytes taken from the input.
    pub(crate) consumed: usize,
    /// Bytes written to the output.
    pub(crate) produced: usize,
    /// Why it ended.
    pub(crate) stop: Stop,
}

/// Why a step ended.
pub(crate) enum Stop {
    /// The input is used up or the output is full.
    Pause,
    /// The gzip header or a deflate block is over; of the last byte taken, the `unused_bits` highest bits are not.
    Boundary {
        /// Bits taken from the input that belong to what follows.
        unused_bits: u8,
        /// Whether this was the member's last block.
        last: bool,
    },
    /// The stream is over, its trailer (if any) taken and found right.
    End,
    /// The stream is broken; the words are zlib's.
    Broken(String),
}

/// An inflating stream. It owns its state and keeps no reference to the bytes that it is given.
pub(crate) struct Inflate {
    stream: Box<zlib::z_stream>,
}

// SAFETY: the raw pointers of a z_stream point to state that this value alone owns (made by Rust's global allocator),
// or into slices that were borrowed for the length of one call and are replaced before the next use.
unsafe impl Send for Inflate {}

impl Inflate {
    pub(crate) fn new(format: Format) -> Self {
        let mut stream = Box::new(zlib::z_stream::default());
        let size = size_of::<zlib::z_stream>() as i32;
        // SAFETY: the stream is a valid z_stream with its default allocator, the version is zlib's own constant string.
        let code = unsafe { zlib::inflateInit2_(&mut *stream, window_bits(format), zlib::zlibVersion(), size) };
        assert_eq!(code, zlib::Z_OK, "inflateInit2 with constant arguments fails only when memory is exhausted");
        Self { stream }
    }

    /// Forgets everything, windows too, and begins with a new stream.
    pub(crate) fn reset(&mut self, format: Format) {
        // SAFETY: `new` has initialised the stream.
        let code = unsafe { zlib::inflateReset2(&mut *self.stream, window_bits(format)) };
        assert_eq!(code, zlib::Z_OK, "inflateReset2 of an initialised stream with constant arguments does not fail");
    }

    /// Takes the lowest `bits` (at most 16) of `value` as the first bits of a raw stream.
    pub(crate) fn prime(&mut self, bits: u8, value: u8) {
        // SAFETY: `new` has initialised the stream.
        let code = unsafe { zlib::inflatePrime(&mut *self.stream, i32::from(bits), i32::from(value)) };
        assert_eq!(code, zlib::Z_OK, "inflatePrime takes up to 16 bits in a raw stream");
    }

    /// Gives a raw stream the text that precedes it.
    pub(crate) fn set_window(&mut self, window: &[u8]) {
        let window = &window[window.len().saturating_sub(WINDOW_BYTES)..];
        // SAFETY: `new` has initialised the stream; the window is a valid slice and is copied by the call.
        let code =
            unsafe { zlib::inflateSetDictionary(&mut *self.stream, window.as_ptr(), window.len() as zlib::uInt) };
        assert_eq!(code, zlib::Z_OK, "inflateSetDictionary works on a raw stream at any time");
    }

    /// Inflates until the input is used up, the output is full or a stop is reached.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8], stop_at: StopAt) -> Step {
        const MOST: usize = 1 << 30; // zlib counts with 32 bits
        let (avail_in, avail_out) = (input.len().min(MOST), output.len().min(MOST));
        self.stream.next_in = input.as_ptr();
        self.stream.avail_in = avail_in as zlib::uInt;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = avail_out as zlib::uInt;
        let flush = if stop_at == StopAt::Blocks { zlib::Z_BLOCK } else { zlib::Z_NO_FLUSH };
        // SAFETY: `new` has initialised the stream; next_in and next_out were just set to slices that live through the
        // call and are at least avail_in and avail_out long, the output exclusively borrowed and initialised.
        let code = unsafe { zlib::inflate(&mut *self.stream, flush) };
        Step {
            consumed: avail_in - self.stream.avail_in as usize,
            produced: avail_out - self.stream.avail_out as usize,
            stop: self.stop(code, stop_at),
        }
    }

    fn stop(&self, code: i32, stop_at: StopAt) -> Stop {
        const UNUSED_BITS: i32 = 63;
        const LAST_BLOCK: i32 = 64;
        const BOUNDARY: i32 = 128;
        let state = self.stream.data_type;
        match code {
            zlib::Z_STREAM_END => Stop::End,
            // Z_BUF_ERROR says that nothing moved, and a boundary may be just that: the bits were taken before.
            zlib::Z_OK | zlib::Z_BUF_ERROR if stop_at == StopAt::Blocks && state & BOUNDARY != 0 => {
                Stop::Boundary { unused_bits: (state & UNUSED_BITS) as u8, last: state & LAST_BLOCK != 0 }
            }
            zlib::Z_OK | zlib::Z_BUF_ERROR => Stop::Pause,
            code => Stop::Broken(self.message().unwrap_or_else(|| format!("zlib code {code}"))),
        }
    }

    fn message(&self) -> Option<String> {
        if self.stream.msg.is_null() {
            return None;
        }
        // SAFETY: a message that is not null is one of zlib's constant, null-terminated strings.
        Some(unsafe { CStr::from_ptr(self.stream.msg) }.to_string_lossy().into_owned())
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        // SAFETY: `new` has initialised the stream, and nothing uses it after this.
        unsafe { zlib::inflateEnd(&mut *self.stream) };
    }
}

fn window_bits(format: Format) -> i32 {
    match format {
        Format::Raw => -15,
        Format::Gzip => 15 + 16,
    }
}
