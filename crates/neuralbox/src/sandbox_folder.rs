//! Where the sandbox keeps what it knows.

use crate::{
    commands::Error,
    settings::{Settings, SettingsError},
};
use sandbox::Folder;
use secrecy::ExposeSecret;
use std::path::{Path, PathBuf};
use storage::{SchemaState, Storage};

/// In which a database's own folder lies, beside that of files.
const ROOT: &str = "neuralbox-data/sandbox";
/// A name of a folder has so many characters, at most.
const MAX_NAME: usize = 200;

/// Opens the folder that is set, as it is. When none is, a folder of the database's own: what other databases were told of
/// must not come up in this one, and a new one finds nothing. The sandbox then does without if it cannot have it, as the
/// second of two processes.
pub(crate) async fn open(settings: &Settings, storage: &Storage) -> Result<Option<Folder>, Error> {
    if let Some(path) = &settings.sandbox.folder {
        let folder = Folder::open(path.clone()).await;
        return Ok(Some(folder.map_err(|error| {
            SettingsError::bad("sandbox.folder", format!("{}: {error}", path.display()))
        })?));
    }
    let path = default_path(settings);
    match own(path.clone(), is_new(storage).await?).await {
        Ok(folder) => Ok(Some(folder)),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the sandbox keeps nothing beyond this process");
            Ok(None)
        }
    }
}

async fn own(path: PathBuf, is_new: bool) -> std::io::Result<Folder> {
    let folder = Folder::open(path).await?;
    if is_new {
        folder.clear()?;
    }
    Ok(folder)
}

/// Whether nothing has been served from this database yet.
async fn is_new(storage: &Storage) -> Result<bool, Error> {
    Ok(storage.schema_state().await? == SchemaState::Empty || storage.mode().await?.is_none())
}

/// Named after the database, without who connects to it, and after the sandbox's address if that is set: processes that
/// share a database have a sandbox each.
fn default_path(settings: &Settings) -> PathBuf {
    let url = settings.database.url.expose_secret();
    // First of all without the password, which may hold anything.
    let place = if url.starts_with("sqlite:") { url } else { url.rsplit('@').next().unwrap_or_default() };
    let place = place.split('?').next().unwrap_or_default();
    let bind = settings.sandbox.bind.map(|bind| format!("-{bind}")).unwrap_or_default();
    let name: String = format!("{place}{bind}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let too_many = name.len().saturating_sub(MAX_NAME);
    Path::new(ROOT).join(name.get(too_many..).unwrap_or_default())
}
