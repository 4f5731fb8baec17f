//! Finds JSON objects in text with SIMD instructions.
//!
//! - **Input:** bytes, the offset of an object's opening brace, and the offset where the object must have ended.
//! - **Output:** the object's length, the spans of its top-level keys and values, and whether `serde_json` would accept
//!   it. [`NotAnObject`] if the bytes are not an object by JSON's grammar.
//!
//! The text is read once, in two steps. `blocks` classifies 64 bytes at a time, and `index` turns the classes into the
//! offsets of tokens; it also checks strings and their escapes. `grammar` then checks the tokens one by one. On x86-64
//! `x86_64` does the first step with AVX2 or AVX-512 if the processor has them.
//!
//! Invariants: the result depends on the bytes alone, not on the processor. UTF-8 is not checked. The only unsafe code
//! is in `x86_64`: calls of functions that need a processor feature, made after the feature was detected.

mod blocks;
mod digits;
mod grammar;
mod index;
mod object;
mod scanner;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use digits::leading_digits;
pub use object::{FieldSpan, NotAnObject, ScannedObject};
pub use scanner::Scanner;

#[cfg(test)]
mod tests;
