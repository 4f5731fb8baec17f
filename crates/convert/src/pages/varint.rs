//! Integers of variable length (ULEB128), which both encodings of Parquet use in their headers.

#[expect(clippy::cast_possible_truncation, reason = "each byte holds the lowest 7 bits")]
pub(super) fn write_varint(mut number: u64, output: &mut Vec<u8>) {
    while number >= 0x80 {
        output.push(number as u8 | 0x80);
        number >>= 7;
    }
    output.push(number as u8);
}

/// Reads a number and removes it from `bytes`.
#[cfg(test)]
pub(super) fn read_varint(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return number;
        }
    }
}
