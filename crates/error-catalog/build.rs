//! Turns `errors.toml` into a constant table, so that the crate needs no parser when it runs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionData {
    key: String,
    title: String,
    intro: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryData {
    name: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    from: Vec<String>,
    #[serde(default)]
    transient: bool,
    meaning: String,
    cause: String,
    advice: String,
    #[serde(default)]
    details: String,
}

#[derive(Deserialize)]
struct CatalogData {
    section: Vec<SectionData>,
    #[serde(flatten)]
    entries: BTreeMap<String, Vec<EntryData>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=errors.toml");
    let mut catalog: CatalogData = toml::from_str(&fs::read_to_string("errors.toml")?)?;
    let mut code = String::from("&[");
    for SectionData { key, title, intro } in catalog.section {
        let entries = catalog.entries.remove(&key).ok_or_else(|| format!("section {key} has no entries"))?;
        write!(code, "Section {{ key: {key:?}, title: {title:?}, intro: {intro:?}, entries: &[")?;
        for EntryData { name, names, from, transient, meaning, cause, advice, details } in entries {
            write!(
                code,
                "ErrorEntry {{ name: {name:?}, names: &{names:?}, origins: &{from:?}, transient: {transient}, \
                 meaning: {meaning:?}, cause: {cause:?}, advice: {advice:?}, details: {details:?} }},"
            )?;
        }
        code.push_str("] },");
    }
    code.push(']');
    if let Some(key) = catalog.entries.keys().next() {
        return Err(format!("'{key}' is not a section").into());
    }
    let folder = env::var_os("OUT_DIR").ok_or("OUT_DIR is set by cargo")?;
    fs::write(PathBuf::from(folder).join("catalog.rs"), code)?;
    Ok(())
}
