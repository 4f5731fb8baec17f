//! Files of the report.

use std::path::Path;

use cli_core::CliError;

/// Writes a file in one step, so that readers never see a part of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        // Temporary files are readable only by their owner.
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| CliError::File { path: path.display().to_string(), reason: error.to_string() })
}
