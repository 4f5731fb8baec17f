//! Memory: the peak of this process, which only plans one file of 2 GB.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::io::{self, Read};

use csv_load::{LoadOptions, MAX_CHUNK_BYTES, PlannerSettings, plan_file};

const FILE_BYTES: u64 = 2_000_000_000;
const ROW_BYTES: usize = 4096;
const MAX_PEAK_KIB: u64 = 64 << 10;

/// A file that is generated while it is read: a header, and rows of an id and a long text. Every hundredth id occurs twice.
struct EndlessRows {
    row: Vec<u8>,
    given: usize,
    rows: u64,
    bytes: u64,
}

impl Read for EndlessRows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.row.len() {
            if self.bytes >= FILE_BYTES {
                return Ok(0);
            }
            let number = self.rows - u64::from(self.rows % 100 == 99);
            self.row = format!("{number},\"{}\"\n", "a line, \n and another ".repeat(ROW_BYTES / 22)).into_bytes();
            (self.given, self.rows) = (0, self.rows + 1);
        }
        let read = buffer.len().min(self.row.len() - self.given);
        buffer[..read].copy_from_slice(&self.row[self.given..self.given + read]);
        self.given += read;
        self.bytes += read as u64;
        Ok(read)
    }
}

#[test]
fn plan_of_2_gb_file_needs_bounded_memory() {
    let mut file = EndlessRows { row: b"id,text\n".to_vec(), given: 0, rows: 0, bytes: 0 };
    let settings = PlannerSettings { chunk_rows: 25_000, chunk_bytes: MAX_CHUNK_BYTES, seed: 1, added_bytes: 0 };
    let plan = plan_file(&mut file, &LoadOptions::default(), settings).unwrap();
    let planned = plan.planned;
    assert_eq!((planned.rows, planned.rejected, planned.superseded), (file.rows, 0, file.rows / 100));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
        println!("skipped: this system does not report the peak memory of a process");
        return;
    };
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("peak: {} MiB for a file of {} MB", peak_kib >> 10, file.bytes / 1_000_000);
    assert!(peak_kib < MAX_PEAK_KIB, "{peak_kib} KiB");
}
