//! The lower limit of a conversion's time: only inflates the file, as a stream, with the same library.
//!
//! `cargo run --release -p cli-convert --example inflate_alone -- FILE`, a gzip file of one member; prints its length.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;

use zlib_rs::{Inflate, InflateFlush, Status};

const GZIP_WINDOW_BITS: u8 = 16 + 15;

fn main() -> Result<(), Box<dyn Error>> {
    let mut file = File::open(std::env::args_os().nth(1).ok_or("name a gzip file")?)?;
    let mut inflate = Inflate::new(true, GZIP_WINDOW_BITS);
    let (mut input, mut output) = (vec![0; 64 << 10], vec![0; 256 << 10]);
    loop {
        let length = file.read(&mut input)?;
        if length == 0 {
            return Err("the file is truncated".into());
        }
        let mut given = 0;
        loop {
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(&input[given..length], &mut output, InflateFlush::NoFlush)
                .map_err(|error| format!("{error:?}"))?;
            black_box(&output);
            if status == Status::StreamEnd {
                println!("{}", inflate.total_out());
                return Ok(());
            }
            given +=
                usize::try_from(inflate.total_in() - before.0).expect("a read is at most the length of the buffer");
            // All input is taken, and the output was not full: more input is needed.
            if given == length && inflate.total_out() - before.1 < output.len() as u64 {
                break;
            }
        }
    }
}
