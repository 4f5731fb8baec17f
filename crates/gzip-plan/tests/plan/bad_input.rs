//! Files that cannot be planned, and chunks that differ from the plan.

use std::io::{Read, Write};

use flate2::{Compression, write::GzEncoder};
use gzip_plan::{ChunkError, ChunkReader, MemberPart, PlanError, Planner};

use crate::support::{WHOLE, chunks_of, gzip, plan, plan_pushed, read_all, read_chunk, window};

const TEXT: &[u8] = b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"2\"}\n\n{\"id\":\"3\"}";

#[test]
fn plan_bad_file_returns_its_error() {
    let good = gzip(TEXT, 9);
    let length = good.len();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good.clone();
        change(&mut file);
        file
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no byte", vec![], "the file is empty: 0 bytes"),
        ("zstd", b"\x28\xb5\x2f\xfd\x24\x00".to_vec(), "unsupported encoding zstd"),
        ("bzip2", b"BZh91AY&SY".to_vec(), "unsupported encoding bzip2"),
        ("xz", b"\xfd7zXZ\0\0\x04".to_vec(), "unsupported encoding xz"),
        ("zip", b"PK\x03\x04".to_vec(), "unsupported encoding zip"),
        ("an error of the store", b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>".to_vec(), "but XML"),
        ("a page", b"<!DOCTYPE html><html></html>".to_vec(), "but HTML"),
        ("records that are not compressed", TEXT.repeat(100), "but JSON: it begins with \"{\\\"id\\\":\\\"1\\\"}\\n"),
        ("another method than deflate", with(&|file| file[2] = 7), "the member header at byte 0 of the file: unknown"),
        (
            "reserved flags",
            with(&|file| file[3] |= 0x80),
            "the member header at byte 0 of the file: unknown header flags",
        ),
        (
            "a wrong block",
            with(&|file| file[28] |= 6),
            "the deflate block at byte 28 of the file: invalid deflate data",
        ),
        (
            "a wrong CRC",
            with(&|file| file[length - 8] ^= 1),
            "the member trailer at byte 51 of the file: incorrect data",
        ),
        (
            "a wrong length",
            with(&|file| file[length - 1] ^= 1),
            "the member trailer at byte 51 of the file: incorrect length",
        ),
        ("a cut trailer", with(&|file| file.truncate(length - 1)), "it ends at byte 58, inside member 1"),
        ("text after it", with(&|file| file.extend(b"x")), "follow the last gzip member, from byte 59 on"),
        ("text after zeros", with(&|file| file.extend(b"\0\0x")), "follow the last gzip member, from byte 61 on"),
        ("a member after zeros", with(&|file| file.extend([&[0], &good[..]].concat())), "from byte 60 on"),
        ("half a magic number after it", with(&|file| file.extend(b"\x1fx")), "from byte 59 on"),
        ("a member begun", with(&|file| file.extend(b"\x1f")), "it ends at byte 60, inside member 2"),
        ("a second member cut", [&good[..], &good[..20]].concat(), "it ends at byte 79, inside member 2"),
        ("a second member broken", [&good[..], &with(&|file| file[2] = 7)].concat(), "the member header at byte 59"),
    ];
    for (case, file, expected) in cases {
        let error = plan(&file, WHOLE).expect_err(case);
        assert!(error.to_string().contains(expected), "{case}: {error}");
        assert_eq!(plan_pushed(&file, WHOLE, &[1]), Err(error), "{case}, byte by byte");
    }
}

#[test]
fn plan_wrong_header_crc_is_corrupt() {
    let mut file = gzip(TEXT, 9);
    file[3] |= 2; // FHCRC: two bytes more, after the name
    let name_end = 10 + file[10..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let mut crc = flate2::Crc::new();
    crc.update(&file[..name_end]);
    let [low, high, ..] = crc.sum().to_le_bytes();
    file.splice(name_end..name_end, [low, high]);
    assert_eq!(read_all(&file, &plan(&file, WHOLE).unwrap()), TEXT);
    file[name_end] ^= 1;
    let error = plan(&file, WHOLE).unwrap_err();
    assert!(matches!(error, PlanError::Corrupt { part: MemberPart::Header, offset: 0, .. }), "{error}");
}

#[test]
fn plan_file_cut_anywhere_is_truncated() {
    let file = gzip(&numbered_lines(300), 6);
    for cut in 1..file.len() {
        let expected = Err(PlanError::Truncated { offset: cut as u64, member: 1 });
        assert_eq!(plan(&file[..cut], chunks_of(10)), expected, "cut at {cut}");
    }
}

#[test]
fn changed_byte_never_changes_text() {
    let text = numbered_lines(40);
    for level in [0, 1, 9] {
        let one = gzip(&text, level);
        let two = [gzip(&text[..100], level), gzip(&text[100..], 9)].concat();
        for good in [one, two] {
            for (at, bits) in (0..good.len()).flat_map(|at| [1, 0x10, 0xff].map(|bits| (at, bits))) {
                let mut file = good.clone();
                file[at] ^= bits;
                if let Ok(planned) = plan(&file, chunks_of(7)) {
                    assert_eq!(read_all(&file, &planned), text, "level {level}, byte {at} changed by {bits:#x}");
                }
            }
        }
    }
}

#[test]
fn plan_gzip_bomb_is_too_large() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..300).for_each(|_| bomb.write_all(&zeros).unwrap());
    let error = plan(&bomb.finish().unwrap(), WHOLE).unwrap_err();
    assert!(matches!(error, PlanError::TooLarge { offset: 1.., .. }), "{error}");
}

#[test]
fn failed_planner_repeats_its_error() {
    let mut planner = Planner::new(WHOLE);
    let mut file = gzip(TEXT, 9);
    file.push(b'x');
    let error = planner.push(&file).unwrap_err();
    assert_eq!(error, PlanError::TrailingBytes { offset: 59 });
    assert_eq!(planner.push(b"\0"), Err(error.clone()));
    assert_eq!(planner.finish(), Err(error));
}

#[test]
fn read_other_chunk_than_planned_fails() {
    type ReadCase<'a> = (&'a str, std::io::Result<Vec<u8>>, fn(&ChunkError) -> bool);
    let file = gzip(&noise_lines(20_000), 6);
    let planned = plan(&file, chunks_of(6000)).unwrap();
    let plan = &planned.plan;
    let range = plan.chunks[2].compressed_start as usize..plan.chunks[2].compressed_end as usize;
    let right = window(&planned, 2).unwrap();
    let read = |compressed: &[u8], window: Option<&[u8]>| {
        let mut text = Vec::new();
        ChunkReader::new(compressed, plan, 2, window)?.read_to_end(&mut text).map(|_| text)
    };
    assert_eq!(read(&file[range.clone()], Some(right)).unwrap(), read_chunk(&file, &planned, 2).unwrap());

    let mut changed = file[range.clone()].to_vec();
    changed[range.len() / 2] ^= 4;
    let mut other_window = right.to_vec();
    other_window[right.len() / 2] ^= 4;
    let cases: [ReadCase<'_>; 7] = [
        ("no bytes", read(&[], Some(right)), |error| matches!(error, ChunkError::Truncated { .. })),
        ("cut", read(&file[range.start..range.start + range.len() / 2], Some(right)), |error| {
            matches!(error, ChunkError::Truncated { missing_bytes: 1.., .. })
        }),
        ("a byte changed", read(&changed, Some(right)), |error| {
            matches!(error, ChunkError::Mismatch { .. } | ChunkError::Corrupt { .. } | ChunkError::Truncated { .. })
        }),
        ("another range", read(&file[range.start + 1..], Some(right)), |error| {
            matches!(error, ChunkError::Mismatch { .. } | ChunkError::Corrupt { .. } | ChunkError::Truncated { .. })
        }),
        ("no window", read(&file[range.clone()], None), |error| matches!(error, ChunkError::WrongWindow { .. })),
        ("a short window", read(&file[range.clone()], Some(&right[1..])), |error| {
            matches!(error, ChunkError::WrongWindow { .. })
        }),
        ("a damaged window", read(&file[range], Some(&other_window)), |error| {
            matches!(error, ChunkError::WrongWindow { .. })
        }),
    ];
    for (case, outcome, expected) in cases {
        let error = outcome.expect_err(case);
        let error = error.get_ref().and_then(|inner| inner.downcast_ref::<ChunkError>()).expect(case);
        assert!(expected(error), "{case}: {error}");
    }
}

#[test]
fn contradictory_plan_is_invalid() {
    type PlanChange = (&'static str, fn(&mut gzip_plan::GzipPlan));
    let file = gzip(TEXT, 9);
    let good = plan(&file, chunks_of(1)).unwrap().plan;
    let with = |change: &dyn Fn(&mut gzip_plan::GzipPlan)| {
        let mut plan = good.clone();
        change(&mut plan);
        ChunkReader::new(&file[..], &plan, 1, None).err()
    };
    assert_eq!(with(&|_| ()), None);
    assert_eq!(with(&|plan| plan.chunks.truncate(1)), Some(ChunkError::NoSuchChunk { chunk: 1, chunks: 1 }));
    let changes: [PlanChange; 4] = [
        ("no access point", |plan| plan.access_points.clear()),
        ("an access point after the text", |plan| plan.access_points[0].uncompressed_offset = 1000),
        ("a text that ends before it begins", |plan| plan.chunks[1].uncompressed_end = 3),
        ("bytes that begin elsewhere", |plan| plan.chunks[1].compressed_start = 3),
    ];
    for (case, change) in changes {
        assert!(matches!(with(&change), Some(ChunkError::InvalidPlan { chunk: 1, .. })), "{case}");
    }
}

fn numbered_lines(lines: u32) -> Vec<u8> {
    (0..lines).flat_map(|line| format!("{{\"id\":\"{line}\",\"type\":\"PushEvent\"}}\n").into_bytes()).collect()
}

/// Lines that compress badly, for many blocks.
pub(crate) fn noise_lines(lines: u64) -> Vec<u8> {
    let noise =
        |line: u64| line.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (0..lines)
        .flat_map(|line| format!("{{\"id\":\"{:x}\",\"type\":\"PushEvent\"}}\n", noise(line)).into_bytes())
        .collect()
}
