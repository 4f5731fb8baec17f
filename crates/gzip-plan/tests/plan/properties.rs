//! Properties for any text, compression, settings and pieces.

use std::collections::HashSet;

use gzip_plan::{GzipPlan, PlanError, PlanSettings};
use proptest::prelude::*;

use crate::support::{gzip_flushed, plan, plan_pushed, read_all, read_chunk};

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proptest_chunks_concatenate_to_text((file, text) in any_file(), settings in any_settings()) {
        let planned = plan(&file, settings).unwrap();
        prop_assert!(read_all(&file, &planned) == text);
    }

    #[test]
    fn proptest_plan_matches_naive_reader((file, text) in any_file(), settings in any_settings()) {
        let plan = plan(&file, settings).unwrap().plan;
        let facts: Vec<ChunkFacts> = plan.chunks.iter().map(ChunkFacts::of).collect();
        prop_assert_eq!(&facts, &facts_by_naive_reader(&text, settings));
        prop_assert_eq!(plan.uncompressed_bytes, text.len() as u64);
        prop_assert_eq!(plan.compressed_bytes, file.len() as u64);
        prop_assert_eq!(plan.lines, facts.iter().map(|chunk| chunk.lines).sum::<u64>());
        prop_assert_eq!(plan.blank_lines, facts.iter().map(|chunk| chunk.blank_lines).sum::<u64>());
        prop_assert_eq!(plan.duplicate_lines, facts.iter().map(|chunk| chunk.duplicate_lines.len() as u64).sum::<u64>());
        assert_points_are_minimal(&plan)?;
    }

    #[test]
    fn proptest_plan_does_not_depend_on_pieces(
        (file, _) in any_file(), settings in any_settings(), pieces in prop::collection::vec(1..5000_usize, 1..20)
    ) {
        let planned = plan(&file, settings).unwrap();
        prop_assert!(plan_pushed(&file, settings, &pieces).unwrap() == planned);
        prop_assert!(plan_pushed(&file, settings, &[1]).unwrap() == planned);
    }

    #[test]
    fn proptest_cut_file_is_truncated(
        parts in any_parts(), level in 0..10_u32, cut in any::<prop::sample::Index>(), pieces in any_pieces()
    ) {
        let file = gzip_flushed(&slices(&parts), level);
        let cut = cut.index(file.len());
        let expected = match cut {
            0 => PlanError::Empty,
            _ => PlanError::Truncated { offset: cut as u64, member: 1 },
        };
        prop_assert_eq!(plan_pushed(&file[..cut], small(), &pieces), Err(expected));
    }

    #[test]
    fn proptest_changed_byte_never_changes_text(
        (mut file, text) in any_file(), at in any::<prop::sample::Index>(), bits in 1..=255_u8, pieces in any_pieces()
    ) {
        let at = at.index(file.len());
        file[at] ^= bits;
        let outcome = plan(&file, small());
        prop_assert!(plan_pushed(&file, small(), &pieces) == outcome, "byte {} by {}: {:?}", at, bits, outcome.err());
        if let Ok(planned) = outcome {
            prop_assert!(read_all(&file, &planned) == text);
        }
    }

    #[test]
    fn proptest_changed_chunk_never_changes_text(
        parts in any_parts(), level in 0..10_u32, at in any::<prop::sample::Index>(), bits in 1..=255_u8
    ) {
        let mut file = gzip_flushed(&slices(&parts), level);
        let planned = plan(&file, small()).unwrap();
        let texts: Vec<Vec<u8>> = (0..planned.plan.chunks.len()).map(|k| read_chunk(&file, &planned, k).unwrap()).collect();
        let at = at.index(file.len());
        file[at] ^= bits;
        for (chunk, text) in texts.iter().enumerate() {
            if let Ok(read) = read_chunk(&file, &planned, chunk) {
                prop_assert!(&read == text, "chunk {} after byte {} changed by {}", chunk, at, bits);
            }
        }
    }

    #[test]
    fn proptest_any_bytes_return_same_error(bytes in prop::collection::vec(any::<u8>(), 0..300), pieces in any_pieces()) {
        let outcome = plan(&bytes, small());
        prop_assert!(outcome.is_err());
        prop_assert_eq!(plan_pushed(&bytes, small(), &pieces), outcome);
        let after_magic = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &bytes[..]].concat();
        let outcome = plan(&after_magic, small());
        prop_assert!(outcome.is_err());
        prop_assert_eq!(plan_pushed(&after_magic, small(), &pieces), outcome);
    }
}

pub(crate) fn small() -> PlanSettings {
    PlanSettings { chunk_records: 20, max_chunk_bytes: 5000 }
}

pub(crate) fn any_settings() -> impl Strategy<Value = PlanSettings> {
    let records = prop_oneof![Just(1), 1..50_u32, 1..5000_u32];
    let bytes = prop_oneof![Just(u64::MAX), 1..200_u64, 1..200_000_u64];
    (records, bytes).prop_map(|(chunk_records, max_chunk_bytes)| PlanSettings { chunk_records, max_chunk_bytes })
}

pub(crate) fn any_pieces() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..4_usize, 1..200_usize], 1..5)
}

/// A file of members of any level, with or without flushes, and zeros after them; and its text.
pub(crate) fn any_file() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let member = (any_parts(), 0..10_u32)
        .prop_map(|(parts, level)| (gzip_flushed(&slices(&parts), level), parts.concat()))
        .boxed();
    let members =
        prop_oneof![3 => prop::collection::vec(member.clone(), 1..2), 1 => prop::collection::vec(member, 1..5)];
    (members, prop_oneof![3 => Just(0), 1 => 0..600_usize]).prop_map(|(members, zeros)| {
        let (files, texts): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        ([files.concat(), vec![0; zeros]].concat(), texts.concat())
    })
}

/// Text in parts, some of many blocks. A line may span several parts.
pub(crate) fn any_parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let part = prop_oneof![
        6 => prop::collection::vec(any_line(), 0..20).prop_map(|lines| lines.concat()),
        1 => (1..9000_u64, any::<u64>(), 1..2000_usize).prop_map(|(lines, seed, width)| long_text(lines, seed, width)),
    ];
    prop::collection::vec(part, 0..6)
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"\n".to_vec()),
        Just(b" \t\r\0\n".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        "[ab]{0,2}\n".prop_map(String::into_bytes),
        "[a-z]{0,20}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
        (0..255_u8, 1..3000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// At most 300 KB of lines of up to `width` bytes that compress about as well as records.
fn long_text(lines: u64, seed: u64, width: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = seed | 1;
    for _ in 0..lines {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let line = format!("{{\"id\":\"{:x}\",\"type\":\"PushEvent\",\"repo\":{}}}", state >> 20, state >> 58);
        let wanted = (state >> 33) as usize % width;
        text.extend(line.bytes().cycle().take(wanted));
        text.push(b'\n');
        if text.len() > 300_000 {
            break;
        }
    }
    text
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

/// The facts of a chunk about its text.
#[derive(Debug, Default, PartialEq, Eq)]
struct ChunkFacts {
    range: (u64, u64),
    first_line: u64,
    lines: u64,
    blank_lines: u64,
    duplicate_lines: Vec<u64>,
    xxh3: String,
}

impl ChunkFacts {
    fn of(chunk: &gzip_plan::Chunk) -> Self {
        Self {
            range: (chunk.uncompressed_start, chunk.uncompressed_end),
            first_line: chunk.first_line,
            lines: chunk.lines,
            blank_lines: chunk.blank_lines,
            duplicate_lines: chunk.duplicate_lines.clone(),
            xxh3: chunk.xxh3.clone(),
        }
    }
}

/// The facts of the chunks, computed from the whole text at once.
fn facts_by_naive_reader(text: &[u8], settings: PlanSettings) -> Vec<ChunkFacts> {
    let mut chunks: Vec<ChunkFacts> = Vec::new();
    let mut records_in_last = u64::MAX;
    let mut earlier = HashSet::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index as u64 + 1;
        let end = start + line.len() as u64;
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let visible = if number == 1 { content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content) } else { content };
        let blank = visible.iter().all(|byte| b" \t\r\0".contains(byte));
        let full = records_in_last >= u64::from(settings.chunk_records);
        if full || chunks.last().is_none_or(|chunk| end - chunk.range.0 > settings.max_chunk_bytes) {
            chunks.push(ChunkFacts { range: (start, start), first_line: number, ..ChunkFacts::default() });
            records_in_last = 0;
        }
        let chunk = chunks.last_mut().unwrap();
        chunk.range.1 = end;
        chunk.lines += 1;
        if blank {
            chunk.blank_lines += 1;
        } else {
            records_in_last += 1;
            if !earlier.insert(content) {
                chunk.duplicate_lines.push(number);
            }
        }
        start = end;
    }
    for chunk in &mut chunks {
        let text = &text[chunk.range.0 as usize..chunk.range.1 as usize];
        chunk.xxh3 = format!("{:016x}", twox_hash::XxHash3_64::oneshot(text));
    }
    chunks
}

/// Asserts that the access points are in order, that each is used, and that each chunk uses the last possible one.
fn assert_points_are_minimal(plan: &GzipPlan) -> Result<(), TestCaseError> {
    let points = &plan.access_points;
    prop_assert!(points.is_sorted_by(|a, b| a.compressed_bit < b.compressed_bit));
    prop_assert!(points.is_sorted_by_key(|point| point.uncompressed_offset));
    let used: HashSet<u32> = plan.chunks.iter().map(|chunk| chunk.access_point).collect();
    prop_assert_eq!(used.len(), points.len());
    for chunk in &plan.chunks {
        let last = points.iter().rposition(|point| point.uncompressed_offset <= chunk.uncompressed_start);
        prop_assert_eq!(last, Some(chunk.access_point as usize));
        prop_assert_eq!(chunk.compressed_start, points[chunk.access_point as usize].compressed_bit / 8);
        prop_assert!(chunk.compressed_end <= plan.compressed_bytes);
    }
    let mut windows_end = 0;
    for window in points.iter().filter_map(|point| point.window) {
        prop_assert_eq!(window.offset, windows_end);
        windows_end += u64::from(window.length);
    }
    Ok(())
}
