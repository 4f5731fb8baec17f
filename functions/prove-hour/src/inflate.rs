//! Inflates a gzip file in memory: all of its members. Zeros after the last member are ignored.

use std::io::{self, Read};

use bytes::{Buf, Bytes, buf::Reader};
use flate2::bufread::GzDecoder;

pub(crate) struct InflatedText(Option<GzDecoder<Reader<Bytes>>>);

impl InflatedText {
    pub(crate) fn of(gzip: Bytes) -> Self {
        Self(member(gzip))
    }
}

/// Returns a decoder of the next member, or `None` if only zeros are left.
fn member(rest: Bytes) -> Option<GzDecoder<Reader<Bytes>>> {
    rest.iter().any(|byte| *byte != 0).then(|| GzDecoder::new(rest.reader()))
}

impl Read for InflatedText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let rest = decoder.get_ref().get_ref().clone();
            self.0 = member(rest);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn text(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        InflatedText::of(bytes.into()).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn inflate_reads_all_members() {
        for (phrase, bytes, expected) in [
            ("one member", gzip("a\n"), "a\n"),
            ("three members, one of them empty", [gzip("a\n"), gzip(""), gzip("b")].concat(), "a\nb"),
            ("zeros at the end", [gzip("a\n"), vec![0; 512]].concat(), "a\n"),
            ("nothing", Vec::new(), ""),
        ] {
            assert_eq!(text(bytes).unwrap(), expected, "{phrase}");
        }
        let cut = gzip("a long enough text")[..20].to_vec();
        assert!(text(cut).is_err());
        assert!(text([gzip("a"), b"no gzip".to_vec()].concat()).is_err());
    }
}
