//! Plans of small files, compared with plans made by hand.

use gzip_plan::{GzipPlan, PlanSettings};

use crate::{
    bad_input::noise_lines,
    support::{WHOLE, chunks_of, gzip, gzip_flushed, plan, plan_pushed, read_all},
};

#[test]
fn plan_text_is_divided_at_lines() {
    let by_bytes = |max_chunk_bytes| PlanSettings { max_chunk_bytes, ..WHOLE };
    let cases: [(&str, &str, PlanSettings, &[&str]); 15] = [
        ("no text", "", chunks_of(1), &[]),
        ("one line", "a\n", chunks_of(1), &["a\n"]),
        ("one line without its end", "a", chunks_of(1), &["a"]),
        ("a line feed", "\n", chunks_of(1), &["\n"]),
        ("line by line", "a\nb\nc", chunks_of(1), &["a\n", "b\n", "c"]),
        ("0 records count as 1", "a\nb\n", chunks_of(0), &["a\n", "b\n"]),
        ("two by two", "a\nb\nc\n", chunks_of(2), &["a\nb\n", "c\n"]),
        ("blank lines are not records", "\na\n\nb\nc\n", chunks_of(2), &["\na\n\nb\n", "c\n"]),
        ("blank lines after a chunk begin the next", "a\n\n \nb\n", chunks_of(1), &["a\n", "\n \nb\n"]),
        ("blank lines at the end", "a\n\n\n", chunks_of(1), &["a\n", "\n\n"]),
        ("at the limit of bytes", "aa\nbb\ncc\n", by_bytes(6), &["aa\nbb\n", "cc\n"]),
        ("one byte less", "aa\nbb\ncc\n", by_bytes(5), &["aa\n", "bb\n", "cc\n"]),
        ("a longer line is a chunk", "a\nbbbbbbbb\nc\nd\n", by_bytes(4), &["a\n", "bbbbbbbb\n", "c\nd\n"]),
        ("the last line just fits", "aa\nbb", by_bytes(5), &["aa\nbb"]),
        ("the last line does not fit", "aa\nbbb", by_bytes(5), &["aa\n", "bbb"]),
    ];
    for (case, text, settings, expected) in cases {
        let file = gzip(text.as_bytes(), 6);
        let planned = plan(&file, settings).unwrap();
        let of = |chunk: &gzip_plan::Chunk| &text[chunk.uncompressed_start as usize..chunk.uncompressed_end as usize];
        let chunks: Vec<&str> = planned.plan.chunks.iter().map(of).collect();
        assert_eq!(chunks, expected, "{case}");
        assert_eq!(read_all(&file, &planned), text.as_bytes(), "{case}");
        assert_eq!(plan_pushed(&file, settings, &[1]).unwrap(), planned, "{case}, byte by byte");
    }
}

#[test]
fn plan_counts_members_lines_and_zeros() {
    let mut file = [gzip(b"\xef\xbb\xbf\na\nb\n", 9), gzip(b"", 9), gzip(b"a\n \nb", 0)].concat();
    let members_end = file.len() as u64;
    file.extend([0; 9]);
    let GzipPlan { compressed_bytes, uncompressed_bytes, members, trailing_zero_bytes, lines, .. } =
        plan(&file, chunks_of(2)).unwrap().plan;
    assert_eq!((compressed_bytes, uncompressed_bytes), (members_end + 9, 13));
    assert_eq!((members, trailing_zero_bytes, lines), (3, 9, 6));
    let plan = plan(&file, chunks_of(2)).unwrap().plan;
    assert_eq!((plan.blank_lines, plan.duplicate_lines), (2, 2));
    let chunk = &plan.chunks[1];
    assert_eq!((chunk.first_line, chunk.lines, chunk.blank_lines), (4, 3, 1));
    assert_eq!(chunk.duplicate_lines, [4, 6]);
    assert_eq!(chunk.compressed_end, members_end - 8);
}

#[test]
fn chunk_uses_last_access_point_before_it() {
    let parts: [&[u8]; 4] = [b"a\nb\n", b"c\n", b"d\ne", b"e\nf\n"];
    let file = gzip_flushed(&parts, 6);
    let planned = plan(&file, chunks_of(1)).unwrap();
    let point = |chunk: &gzip_plan::Chunk| {
        let point = &planned.plan.access_points[chunk.access_point as usize];
        (chunk.uncompressed_start, point.uncompressed_offset, point.window.is_some())
    };
    let points: Vec<_> = planned.plan.chunks.iter().map(point).collect();
    let expected = [(0, 0, false), (2, 0, false), (4, 4, true), (6, 6, true), (8, 6, true), (11, 9, true)];
    assert_eq!(points, expected);
    assert_eq!(planned.plan.access_points.len(), 4);
    assert_eq!(read_all(&file, &planned), parts.concat());
}

#[test]
fn chunk_at_member_start_has_no_window() {
    let file = [gzip(b"a\n", 6), gzip(b"b\n", 6)].concat();
    let planned = plan(&file, chunks_of(1)).unwrap();
    assert!(planned.plan.access_points.iter().all(|point| point.window.is_none()));
    let ranges: Vec<_> = planned.plan.chunks.iter().map(|c| (c.compressed_start, c.compressed_end)).collect();
    let member = file.len() as u64 / 2;
    assert_eq!(ranges, [(28, member - 8), (member + 28, 2 * member - 8)]);
}

#[test]
fn chunk_range_ends_with_its_last_block() {
    let text = noise_lines(60_000);
    let file = gzip(&text, 6);
    let planned = plan(&file, chunks_of(500)).unwrap();
    let chunks = &planned.plan.chunks;
    assert_eq!(chunks.len(), 120);
    let blocks: Vec<_> = planned.plan.access_points.iter().map(|point| point.compressed_bit).collect();
    assert!(blocks.len() > 10, "{} access points", blocks.len());
    for chunk in &chunks[..100] {
        let ends_with_a_block = blocks.iter().any(|bit| bit.div_ceil(8) == chunk.compressed_end);
        assert!(ends_with_a_block, "chunk of line {}", chunk.first_line);
        assert!(chunk.compressed_end - chunk.compressed_start < file.len() as u64 / 4);
    }
    assert!(read_all(&file, &planned) == text);
}

#[test]
fn line_of_twenty_mib_is_a_chunk() {
    let mut text = b"first\n".to_vec();
    let noise = noise_lines(500_000);
    text.extend(noise.iter().filter(|byte| **byte != b'\n'));
    let long = text.len() as u64 + 1;
    assert!(long > 20 << 20);
    text.extend(b"\nlast\nlast\n");
    let file = gzip(&text, 1);
    for max_chunk_bytes in [1 << 20, long - 6, long] {
        let planned = plan(&file, PlanSettings { max_chunk_bytes, ..WHOLE }).unwrap();
        let ends: Vec<_> = planned.plan.chunks.iter().map(|chunk| chunk.uncompressed_end).collect();
        let expected = if max_chunk_bytes == long { vec![long, long + 10] } else { vec![6, long, long + 10] };
        assert_eq!(ends, expected, "at most {max_chunk_bytes}");
        assert_eq!(planned.plan.duplicate_lines, 1);
        assert!(read_all(&file, &planned) == text);
    }
}
