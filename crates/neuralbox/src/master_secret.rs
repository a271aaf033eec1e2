//! What this installation makes its secrets from: a setting, or else a file of its own.

use crate::settings::{Settings, SettingsError};
use app::MasterSecret;
use secrecy::ExposeSecret;
use std::{
    io::{self, Write},
    path::Path,
};
use tempfile::NamedTempFile;

/// Beside the folder of files.
const FILE: &str = "neuralbox-data/auth.key";
/// Random bytes in it.
const LEN: usize = 32;

/// The secret that is set, or the one in the file, which is made if it is missing. Processes on several machines do not see
/// each other's file: they need the setting.
pub(crate) fn read(settings: &Settings) -> Result<MasterSecret, SettingsError> {
    if let Some(secret) = &settings.auth.secret {
        return Ok(MasterSecret::of(secret.expose_secret().as_bytes()));
    }
    let bytes = read_or_make(Path::new(FILE));
    let bytes = bytes.map_err(|error| SettingsError::bad("auth.secret", format!("{FILE}: {error}")))?;
    Ok(MasterSecret::of(&bytes))
}

fn read_or_make(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() == LEN => Ok(bytes),
        Ok(_) => Err(io::Error::other("is not a file of this kind; remove it to have another made")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(error),
    }
}

/// Makes the file whole or not at all, for its owner alone. Of two processes that do so at once, both get what the first wrote.
fn make(path: &Path) -> io::Result<Vec<u8>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    // A temporary file is its owner's alone: mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(bytes.to_vec()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => std::fs::read(path),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/auth.key");
        let made = read_or_make(&path).unwrap();
        assert_eq!((made.len(), &make(&path).unwrap(), &read_or_make(&path).unwrap()), (LEN, &made, &made));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        std::fs::write(&path, "short").unwrap();
        assert!(read_or_make(&path).is_err());
    }
}
