//! A safe wrapper of zlib's inflate that can stop at deflate blocks and start at any bit. It is the crate's only unsafe
//! code.
//!
//! The safe interface of `zlib-rs` has no stops at blocks, starts at a bit, or windows; they exist only in zlib's C
//! interface.
#![allow(unsafe_code)] // Calls of zlib's C interface; each block states why it is sound.

use std::ffi::CStr;

use libz_rs_sys as zlib;

/// The length of text that a deflate block can refer back to.
pub(crate) const WINDOW_BYTES: usize = 32 * 1024;

/// What surrounds the deflate stream.
#[derive(Clone, Copy)]
pub(crate) enum StreamFormat {
    /// Nothing.
    Raw,
    /// A gzip header and trailer, which are verified.
    Gzip,
}

/// Where a step may end before its input is used up or its output is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopAt {
    /// Only at the end of the stream (of the member).
    End,
    /// Also at the end of the gzip header and of every deflate block.
    Blocks,
}

/// The result of one step.
pub(crate) struct InflateStep {
    /// Bytes taken from the input.
    pub(crate) consumed: usize,
    /// Bytes written to the output.
    pub(crate) produced: usize,
    pub(crate) end: StepEnd,
}

/// Why a step ended.
pub(crate) enum StepEnd {
    /// The input is used up or the output is full.
    Pause,
    /// The gzip header or a deflate block is over.
    BlockEnd {
        /// The highest bits of the last byte taken that belong to the next block.
        unused_bits: u8,
        /// Whether it was the last block of the member.
        last: bool,
    },
    /// The stream is over. Its trailer, if it has one, is verified.
    StreamEnd,
    /// The stream is broken. The message is zlib's.
    Broken(String),
}

/// An inflate stream. It owns its state, and keeps no reference to its inputs and outputs.
pub(crate) struct Inflate {
    stream: Box<zlib::z_stream>,
}

// SAFETY: the raw pointers of a z_stream point to state that this value alone owns (made by Rust's global allocator),
// or into slices that were borrowed for the length of one call and are replaced before the next use.
unsafe impl Send for Inflate {}

impl Inflate {
    pub(crate) fn new(format: StreamFormat) -> Self {
        let mut stream = Box::new(zlib::z_stream::default());
        let size = i32::try_from(size_of::<zlib::z_stream>()).expect("a z_stream is about 100 bytes long");
        // SAFETY: the stream is a valid z_stream with its default allocator, the version is zlib's own constant string.
        let code = unsafe { zlib::inflateInit2_(&raw mut *stream, window_bits(format), zlib::zlibVersion(), size) };
        assert_eq!(code, zlib::Z_OK, "inflateInit2 with constant arguments fails only when memory is exhausted");
        Self { stream }
    }

    /// Begins a new stream. The state of the old one is dropped, including its window.
    pub(crate) fn reset(&mut self, format: StreamFormat) {
        // SAFETY: `new` has initialised the stream.
        let code = unsafe { zlib::inflateReset2(&raw mut *self.stream, window_bits(format)) };
        assert_eq!(code, zlib::Z_OK, "inflateReset2 of an initialised stream with constant arguments does not fail");
    }

    /// Takes the lowest `bits` (at most 8) of `value` as the first bits of a raw stream.
    pub(crate) fn prime(&mut self, bits: u8, value: u8) {
        // SAFETY: `new` has initialised the stream.
        let code = unsafe { zlib::inflatePrime(&raw mut *self.stream, i32::from(bits), i32::from(value)) };
        assert_eq!(code, zlib::Z_OK, "inflatePrime takes up to 16 bits in a raw stream");
    }

    /// Sets the text before a raw stream.
    pub(crate) fn set_window(&mut self, window: &[u8]) {
        let window = &window[window.len().saturating_sub(WINDOW_BYTES)..];
        // SAFETY: `new` has initialised the stream; the window is a valid slice and is copied by the call.
        let code =
            unsafe { zlib::inflateSetDictionary(&raw mut *self.stream, window.as_ptr(), zlib_length(window.len())) };
        assert_eq!(code, zlib::Z_OK, "inflateSetDictionary works on a raw stream at any time");
    }

    /// Inflates until the input is used up, the output is full, or a stop is reached. Takes at most 1 GiB at a time.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8], stop_at: StopAt) -> InflateStep {
        const MAX_BYTES: usize = 1 << 30;
        let (avail_in, avail_out) = (input.len().min(MAX_BYTES), output.len().min(MAX_BYTES));
        self.stream.next_in = input.as_ptr();
        self.stream.avail_in = zlib_length(avail_in);
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = zlib_length(avail_out);
        let flush = if stop_at == StopAt::Blocks { zlib::Z_BLOCK } else { zlib::Z_NO_FLUSH };
        // SAFETY: `new` has initialised the stream; next_in and next_out were just set to slices that live through the
        // call and are at least avail_in and avail_out long, the output exclusively borrowed and initialised.
        let code = unsafe { zlib::inflate(&raw mut *self.stream, flush) };
        InflateStep {
            consumed: avail_in - self.stream.avail_in as usize,
            produced: avail_out - self.stream.avail_out as usize,
            end: self.step_end(code, stop_at),
        }
    }

    fn step_end(&self, code: i32, stop_at: StopAt) -> StepEnd {
        const UNUSED_BITS: i32 = 63;
        const LAST_BLOCK: i32 = 64;
        const BOUNDARY: i32 = 128;
        let state = self.stream.data_type;
        match code {
            zlib::Z_STREAM_END => StepEnd::StreamEnd,
            // Z_BUF_ERROR means that no byte was taken or written. A block may end there: its last bits were taken
            // before.
            zlib::Z_OK | zlib::Z_BUF_ERROR if stop_at == StopAt::Blocks && state & BOUNDARY != 0 => {
                let unused_bits = u8::try_from(state & UNUSED_BITS).expect("the mask has six bits");
                StepEnd::BlockEnd { unused_bits, last: state & LAST_BLOCK != 0 }
            }
            zlib::Z_OK | zlib::Z_BUF_ERROR => StepEnd::Pause,
            code => StepEnd::Broken(self.message().unwrap_or_else(|| format!("zlib code {code}"))),
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
        unsafe { zlib::inflateEnd(&raw mut *self.stream) };
    }
}

fn window_bits(format: StreamFormat) -> i32 {
    match format {
        StreamFormat::Raw => -15,
        StreamFormat::Gzip => 15 + 16,
    }
}

/// A length as zlib counts it.
fn zlib_length(bytes: usize) -> zlib::uInt {
    zlib::uInt::try_from(bytes).expect("at most 1 GiB is passed to zlib at a time")
}
